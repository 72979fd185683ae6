/// Keeps what must survive a restart: the position of each chat and of the inbox, and the unsent messages.
///
/// Calls take effect in the order in which they are made. A store belongs to one user, and two clients never share one.
public protocol ChatClientStore: Sendable {
    /// The value; nil if there is none.
    func get(_ name: String) async throws -> String?
    /// Stores a value; nil removes it. Once it returns, the value must outlast the process if the store is to.
    func set(_ name: String, to value: String?) async throws
}
