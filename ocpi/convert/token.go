package convert

import (
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/eroam/eroam/ocpi/v221"
)

const otherTokenType = string(v221.OtherToken)

func tokenTypeKnown(s string) bool { return v221.TokenType(s).Defined() }

func (c *conversion) token(o *splice.Object, ptr string) error {
	if c.down {
		c.tokenType(o, ptr)
	}
	return nil
}

// authorization converts an AuthorizationInfo, the answer to authorize.
func (c *conversion) authorization(o *splice.Object, ptr string) error {
	return o.Edit("token", func(t *splice.Object) error { return c.token(t, ptr+"/token") })
}

// command converts the body of a command: two of them carry a token.
func (c *conversion) command(o *splice.Object, ptr string) error {
	return o.Edit("token", func(t *splice.Object) error { return c.token(t, ptr+"/token") })
}

// tokenType maps the types that 2.2.1 does not know, such as EMAID, to OTHER.
// Two tokens of one uid may so become one for the receiver.
func (c *conversion) tokenType(o *splice.Object, ptr string) {
	if s, ok := o.Text("type"); ok && !tokenTypeKnown(s) {
		o.Set("type", []byte(`"`+otherTokenType+`"`))
		c.lose(ptr+"/type", "a token type that 2.2.1 does not know, sent as OTHER")
	}
}
