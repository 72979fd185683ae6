import Foundation

/// An answer as it came over the wire.
package struct HTTPTestResponse: Sendable {
    package let status: Int
    /// Names in lower case; where a field is repeated, the last one counts.
    package let headers: [String: String]
    package let body: [UInt8]

    /// - Throws: `Malformed` for bytes that are no whole answer, and the error of a strict parser for a body that is called
    ///   JSON and cannot be read as such.
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
            // Another response may follow.
            _ = try JSON(parsing: body.prefix(headers["content-length"].flatMap { Int($0) } ?? body.count))
        }
    }

    package struct Malformed: Error {
        let bytes: [UInt8]
    }

    package var text: String {
        String(decoding: body, as: UTF8.self)
    }

    /// The same without the epoch of a page, which no test can know.
    package var textWithoutEpoch: String {
        text.replacing(/,"epoch":"[0-9a-f]{8}"/, with: "")
    }

    /// The body as JSON; null where there is none.
    package var json: JSON {
        get throws {
            body.isEmpty ? .null : try JSON(parsing: body)
        }
    }
}
