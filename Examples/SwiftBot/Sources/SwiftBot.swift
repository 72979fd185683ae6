import ChatClient
import Foundation

/// Answers each message in a chat with its own text, once, even if the bot is killed and started again.
///
///     CHAT_BOT_KEY=sk_… swift run SwiftBot https://chat.example.com 7
@main
struct SwiftBot {
    static func main() async throws {
        guard CommandLine.arguments.count == 3, let chat = Int(CommandLine.arguments[2]) else {
            fatalError("usage: SwiftBot URL CHAT")
        }
        let client = ChatClient(
            url: CommandLine.arguments[1],
            token: { ProcessInfo.processInfo.environment["CHAT_BOT_KEY"] },
            store: try FileStore(path: "bot.json"),
            onStatus: { print($0) }
        )
        for try await event in client.events(of: chat) {
            guard case .entry(let entry) = event, case .messageCreated(let message) = entry.change,
                message.deletedAt == nil, message.idempotencyKey?.hasPrefix("echo-") != true
            else { continue }
            _ = try await client.send(message.text, to: chat, replyTo: message.id, key: "echo-\(message.id)").result
        }
    }
}
