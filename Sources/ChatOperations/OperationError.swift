package import ChatDomain

/// The reasons for rejecting an operation, other than those of a store (`StoreError`).
package enum OperationError: Error, Equatable {
    /// The position belongs to another epoch, or lies after the end of a log that has gone backward.
    ///
    /// The client must start over in this epoch.
    case epochChanged(to: Epoch)
    /// The cursor of an inbox or of a list belongs to another epoch than this one, or to a later state.
    ///
    /// The client must start without a cursor.
    case cursorExpired(in: Epoch)
    /// A reader names an offset beyond the end of a text, which has this length in Unicode scalars.
    case textTooShort(length: Int)
}

/// A stream would start at a position that the log has not reached; the client gets a 422.
package struct PositionBeyondEnd: Error, Equatable {
    /// The requested position.
    package let position: Position
    /// The end of the log when the stream was requested.
    package let end: Position

    package init(position: Position, end: Position) {
        self.position = position
        self.end = end
    }
}
