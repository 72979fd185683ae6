import Synchronization

/// Tells any number of listeners what this process and the others on the same database do.
///
/// Signals come from any thread. Listeners are called in turn, on the thread that sends, and must not block; each hears the
/// signals of one thread in their order.
package final class Broadcast<Signal: Sendable>: Sendable {
    package typealias Listener = @Sendable (Signal) -> Void

    /// Identifies a listener.
    package struct ListenerID: Hashable, Sendable {
        fileprivate let rawValue: Int
    }

    private struct Registration {
        let id: ListenerID
        let isRelay: Bool
        let listener: Listener
    }

    private struct State {
        var registrations: [Registration] = []
        var lastID = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Adds a listener for the signals of every process.
    @discardableResult
    package func addListener(_ listener: @escaping Listener) -> ListenerID {
        add(listener, isRelay: false)
    }

    /// Adds a listener for this process's own signals, which carries them to the others.
    package func addRelay(_ listener: @escaping Listener) -> ListenerID {
        add(listener, isRelay: true)
    }

    package func removeListener(_ id: ListenerID) {
        state.withLock { $0.registrations.removeAll { $0.id == id } }
    }

    /// Signals what this process has done.
    package func send(_ signal: Signal) {
        for registration in state.withLock({ $0.registrations }) {
            registration.listener(signal)
        }
    }

    /// Signals what another process has done.
    package func receive(_ signal: Signal) {
        for registration in state.withLock({ $0.registrations }) where !registration.isRelay {
            registration.listener(signal)
        }
    }

    private func add(_ listener: @escaping Listener, isRelay: Bool) -> ListenerID {
        state.withLock { state in
            state.lastID += 1
            let id = ListenerID(rawValue: state.lastID)
            state.registrations.append(Registration(id: id, isRelay: isRelay, listener: listener))
            return id
        }
    }
}
