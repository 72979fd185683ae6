import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Sends requests with the current token.
final class Transport: Sendable {
    private static let responseTimeout = Duration.seconds(10)
    fileprivate static let bodyTimeout = Duration.seconds(30)
    private static let longestBody = 64 << 20

    let tokens: TokenSource
    let pauses = Pauses()
    let backoff: Backoff
    private let url: String
    private let http: HTTPClient

    init(url: String, tokens: TokenSource, backoff: Backoff) {
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.tokens = tokens
        self.backoff = backoff
        var configuration = HTTPClient.Configuration(
            // A token is for this server.
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(10)),
            decompression: .disabled
        )
        // With HTTP/2, a dead connection would also hold up the requests after the one that has noticed it.
        configuration.httpVersion = .http1Only
        // Less than servers and proxies keep an idle connection: a request that meets its end would fail.
        configuration.connectionPool.idleTimeout = .seconds(20)
        // The backoff is ours.
        configuration.connectionPool.retryConnectionEstablishment = false
        http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }

    deinit {
        Task { [http] in try? await http.shutdown() }
    }

    /// Ends all requests, now and later.
    func close() async {
        await pauses.close()
        await tokens.close()
        // It fails if requests had to be ended, or if it was closed before.
        try? await http.shutdown()
    }

    /// Sends a request, and repeats it while that may help: with a new token after a 401, and with a backoff if it is
    /// repeatable.
    ///
    /// - Parameter maxDelay: The longest wait between attempts, if it is shorter than for other requests.
    func send<Response: Decodable>(
        _ request: APIRequest,
        as type: Response.Type = Response.self,
        maxDelay: Duration? = nil
    ) async throws(ChatError) -> Response {
        let body = try await send(request, maxDelay: maxDelay)
        do {
            return try JSONCoding.decoder.decode(type, from: body)
        } catch {
            throw ChatError("unexpected_response", .string("\(error)"), status: 200)
        }
    }

    /// Sends a request, and returns the body of the response.
    @discardableResult
    func send(_ request: APIRequest, maxDelay: Duration? = nil) async throws(ChatError) -> Data {
        var backoff = backoff.limited(to: maxDelay)
        var hasNewToken = false
        while true {
            do throws(ChatError) {
                return try await attempt(request)
            } catch {
                if error.status == 401, tokens.canRenew, !hasNewToken {
                    hasNewToken = true
                } else if request.isRepeatable, error.isTemporary {
                    await pauses.wait(backoff.next(atLeast: error.retryAfter))
                } else {
                    throw error
                }
            }
        }
    }

    /// Opens a stream of JSON lines once, and passes them on until the stream ends or `receive` throws.
    ///
    /// - Parameters:
    ///   - silence: After how long without a line or heartbeat the connection is dead.
    ///   - receive: Returns another `silence`, if it has changed.
    func stream(
        _ target: String,
        silence: Duration,
        _ receive: @escaping @Sendable ([StreamLine]) async throws -> Duration?
    ) async throws(ChatError) {
        let token = try await tokens.get()
        // A compressed stream would hold back events.
        var request = request(APIRequest.get(target), token)
        request.headers.add(contentsOf: [("Accept", "application/x-ndjson"), ("Accept-Encoding", "identity")])
        let deadline = Deadline(in: Self.responseTimeout)
        try await failing(token) { [request] in
            try await deadline.watch {
                let response = try await self.http.execute(request, deadline: .distantFuture)
                guard response.status == .ok else { throw try await ChatError(response, deadline) }
                // Until the first line says how often there are heartbeats.
                var silence = silence
                deadline.postpone(by: silence)
                var lines = LineBuffer()
                for try await chunk in response.body {
                    let complete = lines.append(chunk.readableBytesView)
                    silence = try await receive(complete.map(StreamLine.init(parsing:))) ?? silence
                    deadline.postpone(by: silence)
                }
            }
        }
    }

    private func attempt(_ request: APIRequest) async throws(ChatError) -> Data {
        let token = try await tokens.get()
        let httpRequest = self.request(request, token)
        let deadline = Deadline(in: Self.responseTimeout)
        return try await failing(token) {
            try await deadline.watch {
                let response = try await self.http.execute(httpRequest, deadline: .distantFuture)
                guard 200..<300 ~= response.status.code else { throw try await ChatError(response, deadline) }
                deadline.postpone(by: Self.bodyTimeout)
                return Data(try await response.body.collect(upTo: Self.longestBody).readableBytesView)
            }
        }
    }

    private func request(_ request: APIRequest, _ token: String?) -> HTTPClientRequest {
        var result = HTTPClientRequest(url: url + request.target)
        result.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { result.headers.add(name: name, value: value) }
        if let token { result.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body = request.body, let data = try? JSONCoding.encoder.encode(body) {
            result.headers.add(name: "Content-Type", value: "application/json")
            result.body = .bytes(ByteBuffer(bytes: data))
        }
        return result
    }

    /// Runs an operation; its errors become `ChatError`, and a 401 makes the token invalid.
    private func failing<Result: Sendable>(
        _ token: String?,
        _ operation: () async throws -> Result
    ) async throws(ChatError) -> Result {
        do {
            return try await operation()
        } catch {
            if Task.isCancelled { throw .wasCanceled }
            if await pauses.isClosed { throw .wasClosed }
            guard let error = error as? ChatError else { throw .network(error) }
            if error.status == 401 { await tokens.reject(token) }
            throw error
        }
    }
}

extension ChatError {
    private static let longestProblem = 1 << 20

    /// Reads a response whose status is no success; one of a proxy may not be JSON.
    fileprivate init(_ response: HTTPClientResponse, _ deadline: Deadline) async throws {
        struct Problem: Decodable {
            let code: String?
            let detail: JSONValue?
            let length: Int?
        }
        deadline.postpone(by: Transport.bodyTimeout)
        let body = try await response.body.collect(upTo: Self.longestProblem)
        let problem = try? JSONCoding.decoder.decode(Problem.self, from: Data(body.readableBytesView))
        self.init(
            problem?.code ?? "http_\(response.status.code)",
            problem?.detail ?? .string(response.status.reasonPhrase),
            status: Int(response.status.code),
            requestID: response.headers.first(name: "X-Request-ID"),
            retryAfter: response.headers.first(name: "Retry-After").flatMap { Int($0) }.map(Double.init),
            length: problem?.length
        )
    }
}
