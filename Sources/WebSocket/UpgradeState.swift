/// What `UpgradeGuard` decides, without its I/O.
package struct UpgradeState {
    private var unansweredRequests = 0
    /// How many answers come before the one to the request that asks for another protocol; nil if there is none.
    private var answersBefore: Int?
    /// Whether that request has arrived in full: what the connection brings now is for whoever accepts it.
    package private(set) var isComplete = false
    /// Whether that request is being answered in HTTP, which is the last answer on the connection.
    private var isRefusing = false

    package init() {}

    package mutating func receiveHead(asksForUpgrade: Bool) {
        if asksForUpgrade, answersBefore == nil {
            answersBefore = unansweredRequests
        }
        unansweredRequests += 1
    }

    package mutating func receiveEnd() {
        isComplete = answersBefore != nil
    }

    /// Whether the answer with this head is the last.
    package mutating func answerHead(status: Int) -> Bool {
        isRefusing = answersBefore == 0 && status >= 200
        return isRefusing
    }

    /// Whether the connection is to be closed behind the answer that ends.
    package mutating func answerEnd() -> Bool {
        unansweredRequests -= 1
        answersBefore = answersBefore.map { $0 - 1 }
        return isRefusing
    }
}
