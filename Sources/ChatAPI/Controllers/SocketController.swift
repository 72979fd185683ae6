import ChatDomain
import ChatIdentity
import ChatLive
import ChatOperations
import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import WebSocket

/// Opens WebSockets, which carry live logs and client requests on one connection.
struct SocketController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let hub: EventHub
    let admissions: StreamAdmissions
    let limits: WebSocketLimits
    let requestLimits: RequestLimits
    let origins: OriginPolicy
    let metrics: SocketMetrics

    @Sendable func open(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let handshake: WebSocketHandshake
        do throws(WebSocketHandshakeError) {
            handshake = try WebSocketHandshake(request.head)
        } catch {
            throw APIError(error)
        }
        guard origins.allows(request.head) else { throw APIError.originNotAllowed }
        let admission = try admissions.admit(context.remoteAddress, to: .webSocket)
        let service = SocketService(
            operations: operations,
            authenticator: authenticator,
            limits: requestLimits,
            address: context.remoteAddress,
            metrics: metrics,
            logger: context.logger
        )
        return Response(
            status: .switchingProtocols,
            headers: handshake.responseFields,
            body: .takingOver { [hub, limits, credential = context.credential] connection in
                let eventLoop = connection.channel.eventLoop
                let session = ChatSocket(
                    hub,
                    admission,
                    credential,
                    service.authenticator,
                    on: eventLoop,
                    logger: service.logger
                ) { message, caller, credential, chats in
                    await service.perform(message, for: caller, with: credential, following: chats, on: eventLoop)
                }
                WebSocketConnection.takeOver(connection, limits: limits, session: session)
            }
        )
    }
}

extension APIError {
    static let originNotAllowed = APIError(
        status: .forbidden,
        code: "origin_not_allowed",
        detail: "Pages of this origin may not open a WebSocket here"
    )

    init(_ error: WebSocketHandshakeError) {
        self.init(
            status: error.status,
            code: "websocket_handshake",
            detail: error.reason,
            headers: error.responseFields
        )
    }
}
