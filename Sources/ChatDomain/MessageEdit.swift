/// New values for a message.
package struct MessageEdit: Sendable {
    /// Nil keeps the text.
    package let text: MessageText?
    package let metadata: MetadataEdit

    package init(text: MessageText? = nil, metadata: MetadataEdit = .keep) {
        self.text = text
        self.metadata = metadata
    }
}
