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

    static func json(_ value: some JSONWritable, status: HTTPResponse.Status = .ok) -> Response {
        .json(status: status, value.write)
    }

    /// - Parameter write: Writes one JSON value.
    static func json(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        write(&writer)
        return .json(writer.buffer, status: status)
    }

    /// The response to a creation: 201, or 200 if an earlier request with the same idempotency key created the
    /// resource.
    static func created(_ accepted: Accepted<some JSONWritable>) -> Response {
        var response = Response.json(accepted.value, status: accepted.isReplay ? .ok : .created)
        if accepted.isReplay {
            response.headers[.idempotentReplayed] = "true"
        }
        return response
    }
}
