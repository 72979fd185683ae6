import DequeModule

/// A queue whose owners take turns, however many elements each of them adds.
///
/// A path names an owner, such as an address and one of its connections: addresses take turns, and so do the
/// connections of each address. The elements of one owner keep their order.
package struct FairQueue<Key: Hashable, Element> {
    /// Elements of all owners.
    package private(set) var count = 0
    private var elements: Deque<Element> = []
    private var branches: [Key: FairQueue] = [:]
    /// The keys of the branches, in the order of their turns.
    private var turns: Deque<Key> = []

    package init() {}

    /// Whether no owner has an element.
    package var isEmpty: Bool {
        count == 0
    }

    /// The element that `popFirst` would return.
    package var first: Element? {
        elements.first ?? turns.first.flatMap { branches[$0]?.first }
    }

    /// Adds an element after the others of its owner; a new owner takes the last turn.
    package mutating func append(_ element: Element, of owner: [Key]) {
        append(element, at: owner[...])
    }

    /// Removes and returns the next element; its owner then takes the last turn.
    package mutating func popFirst() -> Element? {
        if let element = elements.popFirst() {
            count -= 1
            return element
        }
        guard let key = turns.popFirst(), var branch = branches.removeValue(forKey: key) else { return nil }
        let element = branch.popFirst()
        count -= 1
        if !branch.isEmpty {
            branches[key] = branch
            turns.append(key)
        }
        return element
    }

    /// Removes and returns all elements of an owner and of the owners below its path, in no particular order.
    package mutating func removeAll(of owner: [Key]) -> [Element] {
        removeAll(at: owner[...])
    }

    private mutating func append(_ element: Element, at path: ArraySlice<Key>) {
        count += 1
        guard let key = path.first else { return elements.append(element) }
        if branches[key] == nil {
            turns.append(key)
        }
        branches[key, default: FairQueue()].append(element, at: path.dropFirst())
    }

    private mutating func removeAll(at path: ArraySlice<Key>) -> [Element] {
        guard let key = path.first else {
            defer { self = FairQueue() }
            return allElements
        }
        guard var branch = branches.removeValue(forKey: key) else { return [] }
        let removed = branch.removeAll(at: path.dropFirst())
        count -= removed.count
        if branch.isEmpty {
            turns.removeAll { $0 == key }
        } else {
            branches[key] = branch
        }
        return removed
    }

    private var allElements: [Element] {
        elements + branches.values.flatMap(\.allElements)
    }
}
