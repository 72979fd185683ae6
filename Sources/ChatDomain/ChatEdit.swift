/// New values for a chat.
package struct ChatEdit: Sendable {
    /// Nil keeps the title.
    package let title: ChatTitle?
    package let metadata: MetadataEdit

    package init(title: ChatTitle? = nil, metadata: MetadataEdit = .keep) {
        self.title = title
        self.metadata = metadata
    }
}
