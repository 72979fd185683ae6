import ChatDomain
import Synchronization
import Testing

@Suite struct BroadcastTests {
    /// Records what it receives.
    private final class Listener: Sendable {
        private let signals = Mutex<[Int]>([])

        var heard: [Int] {
            signals.withLock { $0 }
        }

        func hear(_ signal: Int) {
            signals.withLock { $0.append(signal) }
        }
    }

    @Test func `every listener receives every signal in order, and a relay only this process's own`() {
        let broadcast = Broadcast<Int>()
        let (first, second, relay) = (Listener(), Listener(), Listener())
        broadcast.addListener(first.hear)
        broadcast.addListener(second.hear)
        _ = broadcast.addRelay(relay.hear)
        broadcast.send(1)
        broadcast.receive(2)
        broadcast.send(3)
        #expect(first.heard == [1, 2, 3])
        #expect(second.heard == [1, 2, 3])
        #expect(relay.heard == [1, 3])
    }

    @Test func `a removed listener receives nothing more`() {
        let broadcast = Broadcast<Int>()
        let (stays, goes) = (Listener(), Listener())
        broadcast.addListener(stays.hear)
        let id = broadcast.addListener(goes.hear)
        broadcast.send(1)
        broadcast.removeListener(id)
        broadcast.send(2)
        broadcast.receive(3)
        #expect(stays.heard == [1, 2, 3])
        #expect(goes.heard == [1])
    }
}
