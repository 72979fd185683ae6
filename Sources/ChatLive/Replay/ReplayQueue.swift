/// Pages of logs to read from the store, a few at a time, in turn by owner.
///
/// All that wait for a page when its turn comes share one read. Those that ask for it during the read wait for the next one:
/// this one may have begun before what they need was written.
package struct ReplayQueue<Key: Hashable, Page: Hashable, Waiter> {
    private var turns = FairQueue<Key, Page>()
    private var waiters: [Page: [[Key]: Waiter]] = [:]
    /// The pages that are being read, each with the owners that have asked for it meanwhile.
    private var reading: [Page: Set<[Key]>] = [:]
    private let maximumReads: Int

    /// - Parameter maximumReads: How many pages are read at once.
    package init(maximumReads: Int) {
        self.maximumReads = maximumReads
    }

    /// - Parameter owner: Whose turn it takes (see `FairQueue`); it waits for this page at most once.
    package mutating func add(_ page: Page, for waiter: Waiter, of owner: [Key]) {
        waiters[page, default: [:]][owner] = waiter
        if reading[page] != nil {
            reading[page]?.insert(owner)
        } else {
            turns.append(page, of: owner)
        }
    }

    /// The next page to read and all that wait for it; nil if none waits or enough pages are being read.
    package mutating func next() -> (page: Page, waiters: [Waiter])? {
        guard reading.count < maximumReads else { return nil }
        while let page = turns.popFirst() {
            // It may have been read in another owner's turn.
            guard reading[page] == nil, let waiting = waiters.removeValue(forKey: page) else { continue }
            reading[page] = []
            return (page, Array(waiting.values))
        }
        return nil
    }

    /// A page was read and delivered.
    package mutating func finish(_ page: Page) {
        for owner in reading.removeValue(forKey: page) ?? [] {
            turns.append(page, of: owner)
        }
    }

    /// Drops what an owner waits for, except for pages that are being read.
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
