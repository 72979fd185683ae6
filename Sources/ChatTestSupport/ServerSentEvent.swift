import Foundation

/// An event of a stream, as a browser would read it.
package struct ServerSentEvent: Equatable, Sendable {
    package var id: String?
    package var type: String?
    package var data = ""
    package var retry: Int?

    package init(id: String? = nil, type: String? = nil, data: String = "", retry: Int? = nil) {
        self.id = id
        self.type = type
        self.data = data
        self.retry = retry
    }

    package var json: JSON {
        get throws { try JSONDecoder().decode(JSON.self, from: Data(data.utf8)) }
    }

    /// The position that the id names, without its epoch.
    package var place: String? {
        id?.split(separator: ".").last.map(String.init)
    }

    /// The place in its log; nil for what has none.
    package var position: Int64? {
        get throws { try json["seq"]?.integer }
    }

    /// Takes a line of the stream (HTML Living Standard, section 9.2.6), which is no comment.
    mutating func take(_ line: String) throws {
        let parts = line.split(separator: ": ", maxSplits: 1)
        guard parts.count == 2 else { throw Malformed(line: line) }
        let value = String(parts[1])
        switch parts[0] {
        case "id": id = value
        case "event": type = value
        case "data": data = value
        case "retry": retry = Int(value)
        default: throw Malformed(line: line)
        }
    }

    struct Malformed: Error {
        let line: String
    }
}
