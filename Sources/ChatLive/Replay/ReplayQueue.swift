import Queues

/// Pages of logs to read from the store, a few at a time, in turn by owner.
///
/// All waiters for a page when its turn comes share one read. A waiter that is added during the read waits for the next
/// one, since this one may have begun before the entries it needs were written.
package struct ReplayQueue<Key: Hashable, Page: Hashable, Waiter> {
    private var turns = FairQueue<Key, Page>()
    private var waiters: [Page: [[Key]: Waiter]] = [:]
    /// Pages being read, each with the owners that have asked for it since the read began.
    private var reading: [Page: Set<[Key]>] = [:]
    private let maximumReads: Int

    /// - Parameter maximumReads: Pages read at the same time.
    package init(maximumReads: Int) {
        self.maximumReads = maximumReads
    }

    /// Adds a waiter for a page.
    ///
    /// - Parameter owner: The path of its owner (see `FairQueue`). An owner waits for a page at most once: a second
    ///   waiter replaces the first.
    package mutating func add(_ page: Page, for waiter: Waiter, of owner: [Key]) {
        waiters[page, default: [:]][owner] = waiter
        if reading[page] != nil {
            reading[page]?.insert(owner)
        } else {
            turns.append(page, of: owner)
        }
    }

    /// Starts the read of the next page and returns it with its waiters; nil if none waits or enough pages are being
    /// read.
    ///
    /// Call `finish` when the page was delivered.
    package mutating func next() -> (page: Page, waiters: [Waiter])? {
        guard reading.count < maximumReads else { return nil }
        while let page = turns.popFirst() {
            // Another owner's turn may already have read it.
            guard reading[page] == nil, let waiting = waiters.removeValue(forKey: page) else { continue }
            reading[page] = []
            return (page, Array(waiting.values))
        }
        return nil
    }

    /// Ends the read of a page, and queues it again for owners that asked for it meanwhile.
    package mutating func finish(_ page: Page) {
        for owner in reading.removeValue(forKey: page) ?? [] {
            turns.append(page, of: owner)
        }
    }

    /// Removes the waiters of an owner, except those that a read in progress will serve.
    package mutating func removeAll(of owner: [Key]) {
        var pages = turns.removeAll(of: owner)
        for page in reading.keys where reading[page]?.remove(owner) != nil {
            pages.append(page)
        }
        for page in pages {
            waiters[page]?[owner] = nil
            if waiters[page]?.isEmpty == true {
                waiters[page] = nil
            }
        }
    }
}
