import ChatDomain
import ChatTestSupport
import ChatWire
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

/// A request that a receiver got.
struct ReceivedRequest: Sendable {
    let path: String
    let headers: HTTPFields
    let host: String?
    let bytes: [UInt8]
    let body: JSON

    var id: String? {
        HTTPField.Name("webhook-id").flatMap { headers[$0] }
    }

    /// Nil without the header `traceparent`, or with an invalid one.
    var traceID: String? {
        HTTPField.Name("traceparent").flatMap { headers[$0] }.flatMap(TraceParent.init)?.traceID
    }

    var signatures: [String] {
        HTTPField.Name("webhook-signature").flatMap { headers[$0] }?.split(separator: " ").map(String.init) ?? []
    }

    var type: String? {
        body["type"]?.string
    }

    var chat: Int64? {
        body["chat_id"]?.integer
    }

    /// The positions of the entries.
    var positions: [Int64] {
        (body["entries"]?.elements ?? []).compactMap { $0["seq"]?.integer }
    }
}

/// A service that receives webhooks, on this machine.
struct Receiver: Sendable {
    /// Decides the response to a request.
    typealias Script = @Sendable (ReceivedRequest) async -> Response

    fileprivate let recorder: Recorder<ReceivedRequest>
    let port: Int

    var url: String {
        "http://127.0.0.1:\(port)/hook"
    }

    /// All requests so far.
    var requests: [ReceivedRequest] {
        recorder.all
    }

    /// Waits for the next request.
    func next() async throws -> ReceivedRequest {
        try #require(await recorder.next())
    }
}

/// Runs `body` with a receiver, whose script gets each request after it was recorded.
func withReceiver<Result: Sendable>(
    _ script: @escaping Receiver.Script = { _ in Response(status: .ok) },
    _ body: (Receiver) async throws -> Result
) async throws -> Result {
    let recorder = Recorder<ReceivedRequest>()
    return try await withApplication { logger, onServerRunning in
        let router = Router()
        router.post("/**") { request, _ in
            let body = try await request.body.collect(upTo: 8 << 20)
            let received = ReceivedRequest(
                path: request.uri.path,
                headers: request.headers,
                host: request.head.authority,
                bytes: Array(body.readableBytesView),
                body: try JSON(parsing: body.readableBytesView)
            )
            recorder.append(received)
            return await script(received)
        }
        return Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { onServerRunning($0) },
            logger: logger
        )
    } _: { client, _ in
        try await body(Receiver(recorder: recorder, port: client.port))
    }
}

extension Response {
    /// A response without a body.
    init(_ status: HTTPResponse.Status, retryAfter: String? = nil) {
        self.init(status: status)
        if let retryAfter {
            headers[.retryAfter] = retryAfter
        }
    }
}
