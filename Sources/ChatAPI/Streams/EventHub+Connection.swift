import ChatIdentity
import ChatLive
import ChatOperations
import HTTPConnections
import NIOCore

extension EventHub {
    /// Streams into a connection until the stream ends; call it on the event loop of the connection.
    ///
    /// - Parameters:
    ///   - lifetime: Nil for an anonymous client.
    ///   - onEnd: Called once, on the event loop.
    func stream(
        _ start: StreamStart,
        as form: EventForm,
        to client: StreamAdmissions.Admission,
        until lifetime: CredentialLifetime?,
        counting tally: StreamTally,
        findChats: @escaping EventStream.FindChats,
        followInbox: InboxConnection.Follow? = nil,
        isPlainText: Bool = false,
        into connection: TakenConnection,
        onEnd: @escaping () -> Void
    ) {
        let channel = connection.channel
        let stream = EventStream(
            start,
            as: form,
            to: client,
            until: lifetime,
            counting: tally,
            of: self,
            findChats: findChats,
            followInbox: followInbox,
            isPlainText: isPlainText,
            isChunked: connection.isChunked
        ) {
            onEnd()
            connection.end()
        }
        do {
            try channel.pipeline.syncOperations.addHandler(stream, position: channel.front)
        } catch {
            return onEnd()
        }
        if connection.isInputClosed {
            stream.inputClosed()
        } else if connection.isQuiescing {
            stream.shutDown()
        }
    }

    /// Waits until a poll's subject changes, the time is up, or waiting is pointless.
    ///
    /// - Throws: The reason why the credential is no longer accepted.
    func wait(
        for subject: LongPoll.Subject,
        timeout: TimeAmount,
        in context: ChatRequestContext,
        _ authenticator: Authenticator
    ) async throws(CredentialError) {
        let (channel, credential) = (context.channel, context.credential)
        let (address, client) = (context.address, context.client)
        let error: CredentialError? = await withCheckedContinuation { continuation in
            channel.eventLoop.execute {
                guard !channel.isEnding else { return continuation.resume(returning: nil) }
                let lifetime = credential.map { CredentialLifetime(of: $0, authenticator) }
                let poll = LongPoll(
                    for: subject,
                    of: self,
                    address: address,
                    client: client,
                    timeout: timeout,
                    until: lifetime
                ) { error in
                    continuation.resume(returning: error)
                }
                do {
                    try channel.pipeline.syncOperations.addHandler(poll, position: channel.front)
                } catch {
                    continuation.resume(returning: nil)
                }
            }
        }
        if let error { throw error }
    }
}
