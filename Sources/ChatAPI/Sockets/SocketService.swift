import ChatDomain
import Logging
import NIOCore

/// Carries out what clients ask for over WebSockets.
struct SocketService<Store: ChatStore>: Sendable {
    let store: Store
    let hub: EventHub
    let logger: Logger

    /// - Parameter eventLoop: That of the connection.
    func perform(_ message: ByteBuffer, on eventLoop: any EventLoop) async -> SocketOutcome {
        let request: SocketRequest
        do throws(SocketRequest.Invalid) {
            request = try SocketRequest(message)
        } catch {
            return .answered(SocketAnswer(error.mark, error.reason, logger: logger))
        }
        do {
            return try await perform(request, on: eventLoop)
        } catch {
            return .answered(SocketAnswer(request.mark, error, logger: logger))
        }
    }

    private func perform(_ request: SocketRequest, on eventLoop: any EventLoop) async throws -> SocketOutcome {
        let mark = request.mark
        switch request.operation {
        case .subscribe(let chatID, let after):
            let interest = hub.interest(in: chatID, on: eventLoop)
            let chat = try await store.chat(chatID)
            return .subscribe(try StreamedChat(interest, of: chat, after: after, at: ["body", "after"]), mark)
        case .unsubscribe(let chatID):
            return .unsubscribe(chatID, mark)
        case .send(let draft, let chatID):
            let accepted = try await store.recordMessage(.post(draft), in: chatID)
            let answer = SocketAnswer(mark) { writer in
                writer.name("replayed")
                writer.value(accepted.isReplay)
                writer.name("message")
                accepted.value.write(to: &writer)
            }
            return .answered(answer)
        case .typing(let typing):
            _ = try await store.chat(typing.chatID)
            store.signals.send(.typing(typing))
            return .answered(SocketAnswer(mark))
        case .ping:
            return .answered(SocketAnswer(mark))
        }
    }
}

/// What a request comes to.
enum SocketOutcome: Sendable {
    case answered(SocketAnswer)
    /// It is to be answered, and the chat followed then.
    case subscribe(StreamedChat, SocketRequest.Mark)
    case unsubscribe(ChatID, SocketRequest.Mark)
}
