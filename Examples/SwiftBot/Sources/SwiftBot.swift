import ChatClient
import Foundation

/// Answers each message in a chat with its own text, once, even if the bot is killed and started again.
///
///     CHAT_URL=https://chat.example.com CHAT_BOT_KEY=sk_… swift run SwiftBot 7
@main
struct SwiftBot {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let chat = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1
        let client = ChatClient(
            url: environment["CHAT_URL"] ?? "http://127.0.0.1:8000",
            token: { environment["CHAT_BOT_KEY"] },
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
