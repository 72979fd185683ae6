package import ChatDomain

extension ChatID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) {
        self.init(rawValue: value)
    }
}

extension MessageID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) {
        self.init(rawValue: value)
    }
}

extension Position: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) {
        self.init(rawValue: value)
    }
}

extension Epoch: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt32) {
        self.init(rawValue: value)
    }
}
