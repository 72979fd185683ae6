/// An element that stores its own index in an array, so that it can be removed in constant time.
///
/// An object can be in only one such array at a time.
protocol Indexed: AnyObject {
    /// Nil while no array holds the object.
    var index: Int? { get set }
}

extension Array where Element: Indexed {
    mutating func appendIndexed(_ element: Element) {
        element.index = count
        append(element)
    }

    /// Moves the last element into the gap; the order is not kept.
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
