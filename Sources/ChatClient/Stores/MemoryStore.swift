/// Forgets everything when the process ends.
public actor MemoryStore: ChatClientStore {
    private var values: [String: String] = [:]

    public init() {}

    public func get(_ name: String) -> String? {
        values[name]
    }

    public func set(_ name: String, to value: String?) {
        values[name] = value
    }
}
