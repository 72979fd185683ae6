/// What running a batch has come to.
package struct BatchOutcome<Answer: Sendable>: Sendable {
    /// One for each request, in their order.
    package let answers: [Result<Answer, StoreError>]
    /// Tells others of what was done, once each request has its answer and before the next batch runs.
    package let announce: (@Sendable () -> Void)?

    package init(answers: [Result<Answer, StoreError>], announce: (@Sendable () -> Void)? = nil) {
        self.answers = answers
        self.announce = announce
    }
}
