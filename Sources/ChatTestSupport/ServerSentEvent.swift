import Foundation

/// A server-sent event, parsed as a browser does.
package struct ServerSentEvent: Equatable, Sendable {
    package var id: String?
    /// The value of the `event` field.
    package var type: String?
    package var data = ""
    /// The reconnection delay in milliseconds.
    package var retry: Int?

    package init(id: String? = nil, type: String? = nil, data: String = "", retry: Int? = nil) {
        self.id = id
        self.type = type
        self.data = data
        self.retry = retry
    }

    /// The data, parsed as JSON.
    package var json: JSON {
        get throws { try JSONDecoder().decode(JSON.self, from: Data(data.utf8)) }
    }

    /// The part of the id after its epoch.
    package var place: String? {
        id?.split(separator: ".").last.map(String.init)
    }

    /// The entry's position, from `seq` in the data; nil if there is none.
    package var position: Int64? {
        get throws { try json["seq"]?.integer }
    }

    /// Adds a line of the stream that is not a comment (HTML Living Standard, section 9.2.6).
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
