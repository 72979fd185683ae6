import ChatDomain
import ChatIdentity
package import ChatLive
import ChatOperations
import ChatPages
import HTTPConnections
import HTTPTypes
import OpenMetrics

extension ChatService {
    /// All routes of the service, in the order in which `Allow` lists methods.
    package func routes(hub: EventHub) async -> [Route] {
        await routes(hub: hub, requestLimits: RequestLimits(nil))
    }

    /// All routes of the service.
    ///
    /// - Parameters:
    ///   - requestLimits: For what the head of a request does not tell: pieces of text, edits, and messages on a
    ///     WebSocket. Counts what slow mode refuses, too.
    ///   - connections: Counts the connections of the server; nil for none.
    ///   - readMarkers: To write those that wait when the process stops; nil for new ones.
    ///   - streams: The open messages that the server writes; nil for none that anybody attends to.
    ///   - onDeletion: Called when a deletion may have left work for the background.
    func routes(
        hub: EventHub,
        requestLimits: RequestLimits,
        connections: ConnectionSlots? = nil,
        readMarkers: ReadMarkers<Store>? = nil,
        streams: HeldMessages<Store>? = nil,
        onDeletion: @escaping @Sendable () -> Void = {}
    ) async -> [Route] {
        let operations = Operations(
            store,
            hub: hub,
            typing: typing,
            readMarkers: readMarkers,
            streams: streams,
            webhookSender: webhookSender,
            onSlowMode: requestLimits.metrics.countSlowMode,
            onDeletion: onDeletion
        )
        let reads = ReadBudget(readLimits)
        let admissions = StreamAdmissions(streamLimits)
        let chats = ChatController(
            operations: operations,
            maximumBodyBytes: limits.maximumBodyBytes,
            latestMessages: LatestMessagesCache(maximumBytes: latestMessagesCacheBytes),
            reads: reads
        )
        let messages = MessageController(
            operations: operations,
            maximumBodyBytes: limits.maximumBodyBytes,
            reads: reads,
            requestLimits: requestLimits
        )
        let texts = TextController(
            operations: operations,
            authenticator: authenticator,
            maximumBodyBytes: limits.maximumBodyBytes,
            requestLimits: requestLimits
        )
        let members = MemberController(operations: operations, maximumBodyBytes: limits.maximumBodyBytes)
        let markers = ReadMarkerController(operations: operations, maximumBodyBytes: limits.maximumBodyBytes)
        let log = LogController(operations: operations, reads: reads)
        let events = EventController(
            operations: operations,
            authenticator: authenticator,
            hub: hub,
            admissions: admissions,
            reads: reads,
            maximumBodyBytes: limits.maximumBodyBytes
        )
        let sockets = SocketController(
            operations: operations,
            authenticator: authenticator,
            hub: hub,
            admissions: admissions,
            limits: webSocketLimits,
            requestLimits: requestLimits,
            origins: webSocketOrigins,
            metrics: SocketMetrics(metrics)
        )
        let users = UserController(
            operations: operations,
            authenticator: authenticator,
            tokenSigner: tokenSigner,
            maximumBodyBytes: limits.maximumBodyBytes,
            reads: reads
        )
        let connections = connections ?? ConnectionSlots(limits: limits)
        let admin = AdminController(
            operations: operations,
            authenticator: authenticator,
            admissions: admissions,
            connections: connections,
            maximumConnections: limits.maximumConnections,
            maximumStreams: streamLimits.maximumStreams,
            maximumBodyBytes: limits.maximumBodyBytes
        )
        let measured = ServiceMetrics(
            store: store,
            hub: hub,
            admissions: admissions,
            reads: reads,
            connections: connections,
            maximumConnections: limits.maximumConnections,
            maximumStreams: streamLimits.maximumStreams
        )
        metrics.observe(measured.observations)
        let webhooks = WebhookController(operations: operations, maximumBodyBytes: limits.maximumBodyBytes)
        let sessions = SessionController(authenticator: authenticator)
        let streams: [Route] = [
            Route(.get, "/chats/{chat_id}/events", .streamChat, isStream: true, use: events.showChat),
            Route(
                .get,
                "/chats/{chat_id}/messages/{message_id}/text",
                .readText,
                isStream: true,
                use: events.showText
            ),
            Route(.get, "/events", .streamChats, isStream: true, use: events.showChats),
            Route(.get, "/inbox", .followInbox, isStream: true, use: events.showInbox),
            Route(.get, "/ws", .openWebSocket, access: .socket, isStream: true, use: sockets.open),
        ]
        let tickets = TicketController(
            authenticator: authenticator,
            paths: TicketPaths(streams),
            maximumBodyBytes: limits.maximumBodyBytes,
            rootPath: rootPath
        )
        let health = HealthController(store: store, drain: drain, log: ReadinessLog())

        let requests: [Route] = [
            Route(.post, "/chats/", .createChat, unknownQuery: .ignored, use: chats.create),
            Route(.get, "/chats/", .listChats, use: chats.list),
            Route(.get, "/chats/{chat_id}", .getChat, unknownQuery: .ignored, use: chats.show),
            Route(.delete, "/chats/{chat_id}", .deleteChat, unknownQuery: .ignored, use: chats.delete),
            Route(.patch, "/chats/{chat_id}", .updateChat, use: chats.edit),

            Route(.post, "/chats/{chat_id}/messages/", .createMessage, unknownQuery: .ignored, use: messages.create),
            Route(.get, "/chats/{chat_id}/messages/", .listMessages, use: messages.list),
            Route(.get, "/chats/{chat_id}/messages/{message_id}", .getMessage, use: messages.show),
            Route(
                .patch,
                "/chats/{chat_id}/messages/{message_id}",
                .updateMessage,
                countedAs: .reads,
                use: messages.edit
            ),
            Route(.delete, "/chats/{chat_id}/messages/{message_id}", .deleteMessage, use: messages.delete),
            Route(
                .post,
                "/chats/{chat_id}/messages/{message_id}/text",
                .appendText,
                bodyTimeout: TextController<Store>.bodyTimeout,
                countedAs: .text,
                use: texts.append
            ),
            Route(.post, "/chats/{chat_id}/messages/{message_id}/cancel", .cancelMessage, use: texts.cancel),
            Route(.get, "/chats/{chat_id}/log", .getLog, use: log.show),

            Route(.put, "/chats/{chat_id}/read", .moveReadMarker, countedAs: .reads, use: markers.move),
            Route(.get, "/unread", .countUnreadChats, use: markers.countUnread),
        ]
        let others: [Route] = [
            Route(.get, "/chats/{chat_id}/members", .listMembers, use: members.list),
            Route(.post, "/chats/{chat_id}/members", .addMembers, use: members.add),
            Route(.put, "/chats/{chat_id}/members/{user_id}", .putMember, use: members.put),
            Route(.delete, "/chats/{chat_id}/members/{user_id}", .deleteMember, use: members.remove),
            Route(.post, "/direct", .openDirectChat, use: members.openDirect),

            Route(.post, "/chats/{chat_id}/typing", .announceTyping, countedAs: .typing, use: events.announceTyping),

            Route(.get, "/users", .listUsers, use: users.list),
            Route(.get, "/users/{user_id}", .getUser, use: users.show),
            Route(.put, "/users/{user_id}", .putUser, access: .administrator, use: users.put),
            Route(.delete, "/users/{user_id}", .deleteUser, access: .administrator, use: users.delete),
            Route(.post, "/users/{user_id}/tokens", .createToken, access: .serverKey, use: users.createToken),
            Route(.post, "/users/{user_id}/revoke", .revokeUserTokens, access: .administrator, use: users.revoke),
            Route(.post, "/revoke", .revokeAllTokens, access: .administrator, use: users.revokeAll),
            Route(.get, "/me", .getCaller, use: users.showCaller),

            Route(.post, "/session", .startSession, countedAs: .reads, use: sessions.start),
            Route(.delete, "/session", .endSession, access: .open, use: sessions.end),
            Route(.post, "/tickets", .createTicket(tickets.paths), countedAs: .reads, use: tickets.create),

            Route(.post, "/webhooks", .createWebhook, access: .administrator, use: webhooks.create),
            Route(.get, "/webhooks", .listWebhooks, access: .administrator, use: webhooks.list),
            Route(.get, "/webhooks/{webhook_id}", .getWebhook, access: .administrator, use: webhooks.show),
            Route(.patch, "/webhooks/{webhook_id}", .updateWebhook, access: .administrator, use: webhooks.edit),
            Route(.delete, "/webhooks/{webhook_id}", .deleteWebhook, access: .administrator, use: webhooks.delete),
            Route(
                .post,
                "/webhooks/{webhook_id}/secret",
                .replaceWebhookSecret,
                access: .administrator,
                use: webhooks.replaceSecret
            ),
            Route(
                .get,
                "/webhooks/{webhook_id}/state",
                .getWebhookState,
                access: .administrator,
                use: webhooks.showState
            ),
            Route(.post, "/webhooks/{webhook_id}/replay", .replayWebhook, access: .administrator, use: webhooks.replay),
            Route(.post, "/webhooks/{webhook_id}/test", .testWebhook, access: .administrator, use: webhooks.test),

            Route(.get, "/admin/server", .getServer, access: .operator, use: admin.showServer),
            Route(.get, "/admin/streams", .listOpenStreams, access: .operator, use: admin.listStreams),
            Route(.get, "/admin/keys", .listServerKeys, access: .operator, use: admin.listKeys),
            Route(.post, "/admin/keys", .createServerKey, access: .serverKey, use: admin.createKey),
            Route(.delete, "/admin/keys/{key_id}", .revokeServerKey, access: .serverKey, use: admin.revokeKey),

            Route(
                .get,
                "/metrics",
                .getMetrics,
                access: .operator,
                isLimited: false,
                use: MetricsController(registry: metrics).show
            ),

            Route(.get, "/health/live", .getLiveness, access: .health, use: health.live),
            Route(.get, "/health/ready", .getReadiness, access: .health, use: health.ready),
        ]

        let documented = (requests + streams + others).filter { servesMetrics || $0.path != "/metrics" }
        var pages = (servesPages ? PageFile.all : []).map { file in
            Route(page: file.path, use: PageController(file, mode: authenticator.mode).show)
        }
        if servesPages, !embedOrigins.isEmpty {
            let embedded = PageController(.embedded, mode: authenticator.mode, embedders: embedOrigins)
            pages.append(Route(page: PageFile.embedded.path, use: embedded.show))
        }
        guard let documentationAssets else { return documented + pages }
        let documentation = await DocumentationController(
            document: OpenAPIDocument(documented, rootPath: rootPath, mode: authenticator.mode),
            assetsFolder: documentationAssets
        )
        let redirect = servesPages ? [] : [Route(page: "/", use: documentation.redirect)]
        return documented + pages + redirect + [
            Route(page: "/openapi.json", use: documentation.showDocument),
            Route(page: "/docs", use: documentation.showSwagger),
            Route(page: "/docs/swagger-initializer.js", use: documentation.showSwaggerInitializer),
            Route(page: "/docs/assets/{file}", use: documentation.showAsset),
            Route(page: "/redoc", use: documentation.showRedoc),
        ]
    }
}
