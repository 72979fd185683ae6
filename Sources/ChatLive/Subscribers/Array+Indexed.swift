/// Knows its index in the array that holds it, so that it is removed without a search.
protocol Indexed: AnyObject {
    /// Nil if no array holds it.
    var index: Int? { get set }
}

extension Array where Element: Indexed {
    mutating func appendIndexed(_ element: Element) {
        element.index = count
        append(element)
    }

    /// The last one takes its place.
    mutating func removeIndexed(_ element: Element) {
        guard let index = element.index else { return }
        element.index = nil
        let last = removeLast()
        if last !== element {
            self[index] = last
            last.index = index
        }
    }
}
