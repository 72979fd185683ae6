/// A dictionary with bounded memory that drops the values that are not used.
///
/// There are two generations: a value that is used moves to the younger one, and when that is full, the older one is
/// dropped.
///
/// Public, because only public code is specialized in other modules: unspecialized, a lookup takes 2 µs.
public struct GenerationalCache<Key: Hashable, Value> {
    @usableFromInline typealias Generation = [Key: (value: Value, cost: Int)]

    @usableFromInline var young: Generation = [:]
    @usableFromInline var old: Generation = [:]
    @usableFromInline var youngCost = 0
    @usableFromInline let maximumCost: Int

    /// The number of values.
    @inlinable public var count: Int {
        young.count + old.count
    }

    /// - Parameter maximumCost: The cost of all values together, such as bytes; 0 turns the cache off.
    @inlinable public init(maximumCost: Int) {
        self.maximumCost = maximumCost
    }

    /// Returns a value and keeps it for longer; nil if there is none.
    @inlinable public mutating func value(for key: Key) -> Value? {
        if let entry = young[key] { return entry.value }
        guard let entry = old.removeValue(forKey: key) else { return nil }
        insert(entry.value, for: key, cost: entry.cost)
        return entry.value
    }

    /// Adds or replaces a value; ignores one that costs more than half of the maximum.
    @inlinable public mutating func insert(_ value: Value, for key: Key, cost: Int) {
        guard cost <= maximumCost / 2 else { return }
        removeValue(for: key)
        if youngCost + cost > maximumCost / 2 {
            old = young
            young = [:]
            youngCost = 0
        }
        young[key] = (value, cost)
        youngCost += cost
    }

    @inlinable public mutating func removeValue(for key: Key) {
        old.removeValue(forKey: key)
        if let removed = young.removeValue(forKey: key) {
            youngCost -= removed.cost
        }
    }

    @inlinable public mutating func removeAll() {
        young = [:]
        old = [:]
        youngCost = 0
    }
}
