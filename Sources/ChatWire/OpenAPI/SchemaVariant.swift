/// A named object schema that its member `type`, a constant, tells apart from the other schemas of a union.
package struct SchemaVariant: Sendable {
    /// The constant; the variants of one union all have different ones.
    let type: String
    let component: OpenAPIValue.Component

    /// - Parameter properties: Those besides `type`.
    package init(
        _ name: String,
        type: String,
        _ properties: [JSONSchema.Property] = [],
        _ description: String? = nil
    ) {
        self.type = type
        let tag = JSONSchema.Property.required("type", .constant(type))
        let schema = JSONSchema.object([tag] + properties, description)
        component = OpenAPIValue.Component(.schemas, name, schema.value)
    }

    /// A reference to the variant.
    var schema: JSONSchema {
        ["$ref": .pointer(component)]
    }
}
