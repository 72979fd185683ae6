import HTTPTypes
import NIOCore

extension ByteBuffer {
    /// Writes the head of a response (RFC 9112, section 4).
    ///
    /// - Parameters:
    ///   - date: The value of the `Date` header.
    ///   - isChunked: Whether the body is sent in chunks.
    ///   - isLast: Whether to tell the client that the connection closes after this response.
    mutating func writeHead(_ head: HTTPResponse, date: String, isChunked: Bool, isLast: Bool) {
        writeStaticString("HTTP/1.1 ")
        if head.status == .ok {
            writeStaticString("200 OK")
        } else {
            writeString(String(head.status.code))
            writeStaticString(" ")
            writeString(head.status.reasonPhrase)
        }
        writeStaticString("\r\n")
        let hasContent = head.status.mayHaveContent
        var connection: String?
        for field in head.headerFields {
            if field.name == .connection, isLast {
                connection = connection.map { "\($0), \(field.value)" } ?? field.value
            } else if hasContent || field.name != .contentLength {
                writeField(field.name.rawName, field.value)
            }
        }
        writeField("Date", date)
        if isChunked {
            writeStaticString("Transfer-Encoding: chunked\r\n")
        }
        if isLast {
            let options = connection.map { $0.lowercased() == "close" ? "close" : "\($0), close" }
            writeField("Connection", options ?? "close")
        }
        writeStaticString("\r\n")
    }

    private mutating func writeField(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }
}

extension HTTPResponse.Status {
    /// Whether a response with this status can have content, even of length 0 (RFC 9110, section 6.4.1).
    var mayHaveContent: Bool {
        kind != .informational && self != .noContent && self != .notModified
    }
}
