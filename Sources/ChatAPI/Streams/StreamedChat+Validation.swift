import ChatDomain
import ChatLive
import ChatWire

extension StreamedChat {
    /// - Parameters:
    ///   - place: Nil for now.
    ///   - location: The part of the request that has the place.
    /// - Throws: `StaleHistory`, or `ValidationError` if the log has not come as far as a plain number.
    init(
        _ interest: LogInterest,
        of head: LogHead,
        after place: LogPlace?,
        in epoch: Epoch,
        at location: [String]
    ) throws {
        do {
            try self.init(interest, of: head, after: place, in: epoch)
        } catch let error as PositionBeyondEnd {
            throw ValidationError(positionBeyondEnd: error.position, end: error.end, at: location)
        }
    }
}
