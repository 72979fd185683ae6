import Synchronization

/// Delivers signals about this process and other processes on the same database to any number of listeners.
///
/// Any thread may send. Listeners run one after another on the sending thread and must not block. Each listener
/// receives the signals of one thread in order.
package final class Broadcast<Signal: Sendable>: Sendable {
    /// Called for each signal, possibly from several threads at once.
    package typealias Listener = @Sendable (Signal) -> Void

    /// Identifies a registration, so that it can be removed; never reused.
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

    /// Starts without listeners; signals sent before a listener is added do not reach it.
    package init() {}

    /// Adds a listener for the signals of all processes.
    @discardableResult
    package func addListener(_ listener: @escaping Listener) -> ListenerID {
        add(listener, isRelay: false)
    }

    /// Adds a listener for this process's own signals only, which forwards them to other processes.
    package func addRelay(_ listener: @escaping Listener) -> ListenerID {
        add(listener, isRelay: true)
    }

    /// Whether the signals of this process reach others.
    package var hasRelays: Bool {
        state.withLock { $0.registrations.contains { $0.isRelay } }
    }

    /// Removes a listener or relay; a delivery in progress may still reach it.
    package func removeListener(_ id: ListenerID) {
        state.withLock { $0.registrations.removeAll { $0.id == id } }
    }

    /// Delivers a signal of this process to listeners and relays.
    package func send(_ signal: Signal) {
        for registration in state.withLock({ $0.registrations }) {
            registration.listener(signal)
        }
    }

    /// Delivers a signal of another process to listeners, but not to relays.
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
