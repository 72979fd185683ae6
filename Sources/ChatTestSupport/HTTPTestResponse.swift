import Foundation

/// A response, parsed from its bytes.
package struct HTTPTestResponse: Sendable {
    package let status: Int
    /// The header fields, with lowercase names; if a field is repeated, its last value.
    package let headers: [String: String]
    package let body: [UInt8]

    /// Parses a response.
    ///
    /// - Throws: `Malformed` if the head is invalid or incomplete, or the JSON parser's error if the content type is
    ///   JSON but the body is not.
    package init(_ bytes: [UInt8]) throws {
        let separator: [UInt8] = Array("\r\n\r\n".utf8)
        guard let end = bytes.firstRange(of: separator) else { throw Malformed(bytes: bytes) }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Malformed(bytes: bytes)
        }
        self.status = status
        headers = Dictionary(
            lines.dropFirst().compactMap { line in
                line.firstIndex(of: ":").map { colon in
                    (line[..<colon].lowercased(), line[colon...].dropFirst().trimmingCharacters(in: .whitespaces))
                }
            },
            uniquingKeysWith: { $1 }
        )
        body = Array(bytes[end.upperBound...])
        if headers["content-type"] == "application/json", !body.isEmpty {
            // Another response may follow, so parse only this one's body.
            _ = try JSON(parsing: body.prefix(headers["content-length"].flatMap { Int($0) } ?? body.count))
        }
    }

    /// The bytes are not a complete response.
    package struct Malformed: Error {
        let bytes: [UInt8]
    }

    /// The body as UTF-8, with invalid bytes replaced.
    package var text: String {
        String(decoding: body, as: UTF8.self)
    }

    /// The body without a page's epoch, which is random.
    package var textWithoutEpoch: String {
        text.replacing(/,"epoch":"[0-9a-f]{8}"/, with: "")
    }

    /// The body as JSON; null if it is empty.
    package var json: JSON {
        get throws {
            body.isEmpty ? .null : try JSON(parsing: body)
        }
    }
}
