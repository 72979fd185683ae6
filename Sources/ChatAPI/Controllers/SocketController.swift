import ChatDomain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import WebSocket

/// WebSockets: logs as they go on, and what clients ask for, over one connection.
struct SocketController<Store: ChatStore>: Sendable {
    let store: Store
    let hub: EventHub
    let typing: TypingAnnouncer<Store>
    let limits: WebSocketLimits
    let origins: OriginPolicy

    @Sendable func open(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let handshake: WebSocketHandshake
        do throws(WebSocketHandshakeError) {
            handshake = try WebSocketHandshake(request.head)
        } catch {
            throw APIError(error)
        }
        guard origins.allows(request.head) else { throw APIError.originNotAllowed }
        let admission = try hub.admissions.admit(context.address)
        let service = SocketService(
            store: store,
            hub: hub,
            typing: typing,
            address: admission.address,
            logger: context.logger
        )
        let channel = context.channel
        return Response(
            status: .switchingProtocols,
            headers: handshake.responseFields,
            body: ResponseBody { [hub, limits] _ in
                try await WebSocketConnection.takeOver(channel, limits: limits) {
                    ChatSocket(hub, admission, on: channel.eventLoop, logger: service.logger) { message in
                        await service.perform(message, on: channel.eventLoop)
                    }
                }
            }
        )
    }
}

extension APIError {
    fileprivate static let originNotAllowed = APIError(
        status: .forbidden,
        code: "origin_not_allowed",
        detail: "Pages of this origin may not open a WebSocket here"
    )

    fileprivate init(_ error: WebSocketHandshakeError) {
        self.init(
            status: error.status,
            code: "websocket_handshake",
            detail: error.reason,
            headers: error.responseFields
        )
    }
}
