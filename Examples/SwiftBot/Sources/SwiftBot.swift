import ChatClient
import Foundation

/// Answers each message in a chat with its own text, once, even if the bot is killed and started again.
///
///     CHAT_BOT_KEY=sk_… swift run SwiftBot https://chat.example.com 7
///
/// The key has the scope `bot:echo`.
@main
struct SwiftBot {
    static func main() async {
        guard CommandLine.arguments.count == 3, let chat = Int(CommandLine.arguments[2]) else {
            report("usage: SwiftBot URL CHAT")
            exit(2)
        }
        do {
            try await echo(in: chat, at: CommandLine.arguments[1])
        } catch {
            report("\(error)")
            exit(1)
        }
    }

    private static func echo(in chat: Int, at url: String) async throws {
        let client = ChatClient(
            url: url,
            token: { ProcessInfo.processInfo.environment["CHAT_BOT_KEY"] },
            store: try FileStore(path: "bot.json"),
            onStatus: { status in
                if case .offline(let error) = status { report("Offline: \(error)") }
            }
        )
        for try await event in client.events(of: chat) {
            if event == .chatDeleted { report("Chat \(chat) was deleted, or the bot is not a member.") }
            guard case .entry(let entry) = event, case .messageCreated(let message) = entry.change,
                message.author != "echo", message.deletedAt == nil
            else { continue }
            do {
                _ = try await client.send(message.text, to: chat, replyTo: message.id, key: "echo-\(message.id)").result
            } catch {
                report("Message \(message.id) gets no answer: \(error)")
            }
        }
    }

    /// Standard output would be buffered when it is not a terminal.
    private static func report(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
