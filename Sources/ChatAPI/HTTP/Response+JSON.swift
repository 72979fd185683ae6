import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    static func json(
        _ body: ByteBuffer,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
    }

    /// What a request to create something made: 201, or 200 for what an earlier request with its key had made.
    static func created<Value>(_ accepted: Accepted<Value>, _ write: (Value, inout JSONWriter) -> Void) -> Response {
        var response = Response.json(status: accepted.isReplay ? .ok : .created) { write(accepted.value, &$0) }
        if accepted.isReplay {
            response.headers[.idempotentReplayed] = "true"
        }
        return response
    }

    /// - Parameter write: Writes one JSON value.
    static func json(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        write(&writer)
        return .json(writer.buffer, status: status)
    }
}
