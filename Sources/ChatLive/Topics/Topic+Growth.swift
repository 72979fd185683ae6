import ChatDomain

/// The text of open messages.
extension Topic {
    /// Takes note that a message was opened or closed, or sends what was published of its text.
    func receive(_ message: OpenMessage) {
        let known = openMessages.first { $0.reference == message.reference }
        if message.isClosed {
            if known === message {
                remove(message.reference.id)
            }
            return
        }
        if known !== message {
            remove(message.reference.id)
            openMessages.append(message)
        }
        for subscription in subscriptions where subscription.isActive {
            subscription.sendGrowth(of: [message], in: buffer)
        }
    }

    /// Sends the request to stop to the subscriptions that know the message.
    func sendCancelRequest(_ event: LiveEvent, of reference: BatchPlan.MessageReference) {
        if openMessageTable.hasEnded(reference) { return }
        let message = openMessages.first { $0.reference == reference }
        for subscription in subscriptions {
            subscription.sendEphemeral(event, after: message?.position ?? Position(rawValue: 0))
        }
    }

    /// Sends nothing more of a message, since its log says that it has ended.
    func noteEnd(of reference: BatchPlan.MessageReference) {
        openMessageTable.noteEnded([reference])
        remove(reference.id)
    }

    /// Sends nothing more of the messages that have ended according to a page that is about to be sent.
    ///
    /// The topic itself may have started after their ends.
    func noteEnds(in page: ReplayPage) {
        for message in openMessages where page.events.contains(where: { $0.endedMessage == message.reference }) {
            noteEnd(of: message.reference)
        }
    }

    private func remove(_ id: MessageID) {
        guard let index = openMessages.firstIndex(where: { $0.reference.id == id }) else { return }
        openMessages.remove(at: index)
        for subscription in subscriptions {
            subscription.forgetText(of: id)
        }
    }
}
