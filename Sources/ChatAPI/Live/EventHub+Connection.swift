import NIOCore
import WebSocket

extension EventHub {
    /// Streams into a connection whose response has begun, until the stream ends.
    func stream(_ start: StreamStart, into channel: any Channel) async {
        await occupy(channel) { onEnd in EventStream(start, of: self, onEnd: onEnd) }
    }

    /// Waits until a chat has an entry behind a position, or there is no point in waiting.
    func wait(for chat: StreamedChat, patience: TimeAmount, on channel: any Channel) async {
        await occupy(channel) { onEnd in LogWaiter(chat, of: self, patience: patience, onEnd: onEnd) }
    }

    /// Puts a handler at the front of a connection until it ends.
    private func occupy<Handler: LiveHandler & SendableMetatype>(
        _ channel: any Channel,
        with makeHandler: @escaping @Sendable (_ onEnd: @escaping () -> Void) -> Handler
    ) async {
        let box = NIOLoopBoundBox.makeEmptyBox(valueType: Handler.self, eventLoop: channel.eventLoop)
        await withCheckedContinuation { continuation in
            channel.eventLoop.execute {
                do {
                    let pipeline = channel.pipeline.syncOperations
                    // It knows what the channel has said before the handler was there to hear it.
                    let upgradeGuard = try pipeline.handler(type: UpgradeGuard.self)
                    let handler = makeHandler { continuation.resume() }
                    try pipeline.addHandler(handler, position: .first)
                    box.value = handler
                    if upgradeGuard.isInputClosed {
                        handler.inputClosed()
                    } else if upgradeGuard.isQuiescing {
                        handler.shutDown()
                    }
                } catch {
                    continuation.resume()
                }
            }
        }
        channel.eventLoop.execute {
            if let handler = box.value {
                channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
            }
        }
    }
}
