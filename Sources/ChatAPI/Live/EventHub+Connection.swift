import NIOCore
import ServiceLifecycle
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
                let handler = makeHandler { continuation.resume() }
                do {
                    try channel.pipeline.syncOperations.addHandler(handler, position: .first)
                    box.value = handler
                } catch {
                    continuation.resume()
                }
                // Before it was there, the channel told nobody but the guard.
                let upgradeGuard = try? channel.pipeline.syncOperations.handler(type: UpgradeGuard.self)
                if upgradeGuard?.isInputClosed == true {
                    handler.inputClosed()
                }
            }
            // Where the shutdown begins later, the channel tells the handler.
            if Task.isShuttingDownGracefully {
                channel.eventLoop.execute { box.value?.shutDown() }
            }
        }
        channel.eventLoop.execute {
            if let handler = box.value {
                channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
            }
        }
    }
}
