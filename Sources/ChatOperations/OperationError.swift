package import ChatDomain

/// Why an operation is refused, apart from what a store refuses (`StoreError`).
package enum OperationError: Error, Equatable {
    /// The caller's position belongs to a history that has ended.
    case epochChanged(to: Epoch)
    /// The address sends too many typing notices.
    case tooManyTypingNotices
}

/// A stream is to start at a position that the log has not reached.
package struct PositionBeyondEnd: Error, Equatable {
    package let position: Position
    package let end: Position

    package init(position: Position, end: Position) {
        self.position = position
        self.end = end
    }
}
