import ChatClient
import Foundation
import Synchronization

/// Writes each event to stdout at once: the harness kills the driver.
enum Output {
    private static let lock = Mutex(FileHandle.standardOutput)

    static func print(_ event: JSONValue) {
        guard let line = try? JSONCoding.encoder.encode(event) else { return }
        lock.withLock { $0.write(line + Data("\n".utf8)) }
    }

    static func print(_ pending: PendingMessage) {
        var event: [String: JSONValue] = ["event": "message", "chat": .integer(pending.chatID)]
        event["key"] = .string(pending.key)
        switch pending.status {
        case .pending:
            event["status"] = "pending"
        case .sent(let message):
            event["status"] = "sent"
            event["seq"] = .integer(message.seq)
        case .failed(let error):
            event["status"] = "failed"
            event["code"] = .string(error.code)
        }
        print(.object(event))
    }

    static func json(of value: some Encodable) throws -> JSONValue {
        try JSONCoding.decoder.decode(JSONValue.self, from: JSONCoding.encoder.encode(value))
    }
}

extension ConnectionStatus {
    var name: String {
        switch self {
        case .idle: "idle"
        case .offline: "offline"
        case .connecting: "connecting"
        case .catchingUp: "catching_up"
        case .live: "live"
        }
    }
}
