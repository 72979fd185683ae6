import ChatClient
import Foundation

/// Runs the Swift client for the scenarios: reads commands from stdin and writes events to stdout, as JSON lines.
@main
struct Driver {
    private let client: ChatClient
    private let answers: AsyncStream<Command>.Continuation
    private var written: [String: Reply] = [:]
    private var iterations: [String: Task<Void, any Error>] = [:]

    struct Command: Decodable, Sendable {
        let `do`: String
        let url: String?
        let store: String?
        let min_delay: Double?
        let max_delay: Double?
        let chat: Int?
        let after: Int?
        /// Seconds for which the consumer handles each event.
        let slow: Double?
        let text: String?
        let key: String?
        let token: String?
        let error: String?
    }

    struct TokenError: Error {
        let text: String
    }

    static func main() async throws {
        let lines = AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
        var driver: Driver?
        for await line in lines {
            let command = try JSONDecoder().decode(Command.self, from: Data(line.utf8))
            if command.do == "stop" { break }
            if command.do == "start" {
                driver = try Driver(command)
            } else {
                try await driver?.obey(command)
            }
        }
        await driver?.client.close()
    }

    private init(_ start: Command) throws {
        let (stream, answers) = AsyncStream.makeStream(of: Command.self)
        let replies = Replies(stream)
        self.answers = answers
        client = ChatClient(
            url: start.url ?? "",
            token: {
                Output.print(["event": "token_needed"])
                let answer = await replies.next()
                if let error = answer?.error { throw TokenError(text: error) }
                return answer?.token
            },
            store: try FileStore(path: start.store ?? ""),
            minDelay: .seconds(start.min_delay ?? 0.5),
            maxDelay: .seconds(start.max_delay ?? 30),
            onStatus: { Output.print(["event": "status", "status": .string($0.name)]) },
            onOutbox: { Output.print($0) }
        )
        Output.print(["event": "started"])
    }

    private mutating func obey(_ command: Command) async throws {
        let client = client
        let chat = command.chat ?? 0
        let pause = Duration.seconds(command.slow ?? 0)
        switch command.do {
        case "token":
            answers.yield(command)
        case "follow":
            iterations["\(chat)"] = Task {
                for try await event in client.events(of: chat, after: command.after.map { Position($0) }) {
                    Output.print(["event": "entry", "chat": .integer(chat), "data": try Output.json(of: event)])
                    try await Task.sleep(for: pause)
                }
                if !Task.isCancelled { Output.print(["event": "ended", "chat": .integer(chat)]) }
            }
        case "unfollow":
            iterations["\(chat)"]?.cancel()
            _ = await iterations["\(chat)"]?.result
        case "inbox":
            iterations["inbox"] = Task {
                for try await event in client.inbox() {
                    Output.print(["event": "inbox", "data": try Output.json(of: event)])
                    try await Task.sleep(for: pause)
                }
            }
        case "send":
            await client.send(command.text ?? "", to: chat, key: command.key)
        case "retry":
            if let pending = await find(command) { await client.retry(pending) }
        case "discard":
            if let pending = await find(command) { await client.discard(pending) }
        case "reply":
            written[command.key ?? ""] = await client.reply(in: chat, key: command.key)
        case "append":
            written[command.key ?? ""]?.write(command.text ?? "")
        case "finish":
            if let reply = written[command.key ?? ""] { Task { await Self.finish(reply, command.key ?? "") } }
        case "pending":
            let keys = await client.pending(in: chat).map { JSONValue.string($0.key) }
            Output.print(["event": "pending", "chat": .integer(chat), "keys": .array(keys)])
        case "online":
            await client.networkRestored()
        default:
            fatalError("unknown command \(command.do)")
        }
    }

    private static func finish(_ reply: Reply, _ key: String) async {
        var event: [String: JSONValue] = ["event": "reply", "key": .string(key)]
        do throws(ChatError) {
            let message = try await reply.done()
            event["id"] = .integer(message.id)
            event["state"] = message.state.map { .string($0.rawValue) }
        } catch {
            event["id"] = .integer((try? await reply.id) ?? 0)
            event["code"] = .string(error.code)
        }
        Output.print(.object(event))
    }

    private func find(_ command: Command) async -> PendingMessage? {
        await client.pending(in: command.chat ?? 0).first { $0.key == command.key }
    }
}
