"""Types in two versions each, and the codecs that do not carry a value of the old one over to the new one.

Every `@` in the code becomes the name of the case, so that all cases fit into one program. The type is `T@`.
What Go's own encoders do with most were tried: a value of the old type, written and then read into the new one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    old: str
    new: str
    breaks: str
    """Of gob, json and protobuf."""

    def __str__(self) -> str:
        return self.name


UNIT, UNIT_64 = "type U@ struct{ Name string }\n", "type U@ struct{ Name int64 }\n"
REACHED = (
    Case("HiddenFirst", UNIT + "type T@ struct{ c U@; Unit U@ }", UNIT_64 + "type T@ struct{ c U@; Unit U@ }", "gob json protobuf"),
    Case("HiddenOnly", UNIT + "type T@ struct{ c U@ }", UNIT_64 + "type T@ struct{ c U@ }", ""),
    Case("HiddenDeep", UNIT + "type D@ struct{ U *U@ }\ntype T@ struct{ c *D@; D *D@ }", UNIT_64 + "type D@ struct{ U *U@ }\ntype T@ struct{ c *D@; D *D@ }", "gob json protobuf"),
    Case("Pointer", UNIT + "type T@ struct{ U *U@ }", UNIT_64 + "type T@ struct{ U U@ }", "gob json protobuf"),
    Case("PointerOnly", UNIT + "type T@ struct{ U *U@; L []*U@ }", UNIT + "type T@ struct{ U U@; L []U@ }", ""),
    Case("PointersInside", UNIT + "type T@ struct{ U map[string][]*U@ }", UNIT_64 + "type T@ struct{ U map[string][]U@ }", "gob json protobuf"),
    Case("OtherPointer", UNIT + "type T@ struct{ U *U@ }", "type V@ struct{ Name int64 }\ntype T@ struct{ U *V@ }", "gob json protobuf"),
    Case("Heir", UNIT + 'type T@ struct{ A U@ `json:"u"` }', UNIT_64 + 'type T@ struct{ B U@ `json:"u"` }', "gob json protobuf"),
    Case("HeirAlike", UNIT + 'type T@ struct{ A U@ `json:"u"` }', UNIT + 'type T@ struct{ B *U@ `json:"u"` }', "gob protobuf"),
    Case("HeirNumber", UNIT + 'type T@ struct{ A *U@ `protobuf:"bytes,1,opt,name=u"` }', UNIT_64 + 'type T@ struct{ B *U@ `protobuf:"bytes,1,opt,name=u"` }', "gob json protobuf"),
    Case("SkippedByJson", 'type U@ struct{ A int }\ntype T@ struct{ C map[string]U@ `json:"-"`; D int }', 'type U@ struct{ A string }\ntype T@ struct{ C map[string]U@ `json:"-"`; D int }', "gob protobuf"),
    Case("Unnamed", "type T@ struct{ In struct{ A int; B string } }", "type T@ struct{ In struct{ B string; A int } }", ""),
    Case("UnnamedGrows", "type T@ struct{ L []struct{ X int } }", "type T@ struct{ L []struct{ X, Y int } }", ""),
    Case("UnnamedRetyped", "type T@ struct{ L []struct{ X int } }", "type T@ struct{ L []struct{ X string } }", "gob json protobuf"),
    Case("UnnamedArray", "type T@ struct{ L [4]int }", "type T@ struct{ L [5]int }", "gob protobuf"),
    Case("Opaque", UNIT + 'type T@ struct{ h *U@ `protobuf:"bytes,1,opt,name=u"` }', UNIT_64 + 'type T@ struct{ h *U@ `protobuf:"bytes,1,opt,name=u"` }', "protobuf"),
)  # fmt: skip
ENCODED = (
    Case("Bytes", "type B@ []uint8\ntype T@ struct{ B B@ }", "type B@ []uint16\ntype T@ struct{ B B@ }", "gob json protobuf"),
    Case("BytesUnnamed", "type T@ struct{ B []byte }", "type T@ struct{ B []uint16 }", "gob json protobuf"),
    Case("BytesInside", "type T@ struct{ B map[string][]byte }", "type T@ struct{ B map[string][]uint16 }", "gob json protobuf"),
    Case("BytesNamed", "type T@ struct{ B []byte }", "type O@ byte\ntype T@ struct{ B []O@ }", ""),
    Case("BytePointers", "type T@ struct{ B []byte }", "type T@ struct{ B []*byte }", "gob json protobuf"),
    Case("ByteArray", "type T@ struct{ B [4]byte }", "type T@ struct{ B [4]uint16 }", ""),
    Case("Wider", "type T@ struct{ B []uint16 }", "type T@ struct{ B []uint32 }", ""),
    Case("Narrower", "type T@ struct{ B []uint32 }", "type T@ struct{ B []uint16 }", "gob json protobuf"),
)  # fmt: skip
BASE = "type B@ struct{ ID int }\n"
NAMED = (
    Case("SameName", 'type T@ struct{ A string `json:"x"`; C int }', 'type T@ struct{ A string `json:"x"`; C int; B string `json:"x"` }', "json"),
    Case("TaggedWins", "type T@ struct{ A string; C int }", 'type T@ struct{ A string; C int; B string `json:"A"` }', "json"),
    Case("Shadowed", BASE + "type T@ struct{ B@; C int }", BASE + "type T@ struct{ B@; C int; ID int }", "json"),
    Case("NotShadowed", BASE + "type T@ struct{ B@; C int }", BASE + "type T@ struct{ B@; C int; Id int }", ""),
    Case("ShadowedBefore", BASE + "type T@ struct{ B@; ID int }", BASE + "type T@ struct{ B@; ID, C int }", ""),
    Case("Nested", BASE + "type T@ struct{ B@; C int }", BASE + 'type T@ struct{ B@ `json:"B@"`; C int }', "json"),
    Case("Lifted", BASE + 'type T@ struct{ B@ `json:"B@"`; C int }', BASE + "type T@ struct{ B@; C int }", "json"),
    Case("EmbedsPointer", BASE + "type T@ struct{ B@; C int }", BASE + "type T@ struct{ *B@; C int }", ""),
    Case("Ambiguous", BASE + "type D@ struct{ X int }\ntype T@ struct{ B@; D@ }", BASE + "type D@ struct{ X, ID int }\ntype T@ struct{ B@; D@ }", "json"),
    Case("TwoHeirs", 'type T@ struct{ A string `json:"x"` }', 'type T@ struct{ B string `json:"x"`; C string `json:"x"` }', "gob json protobuf"),
    Case("Twice", BASE + "type D@ struct{ B@ }\ntype E@ struct{ X int }\ntype T@ struct{ D@; E@ }", BASE + "type D@ struct{ B@ }\ntype E@ struct{ X int; B@ }\ntype T@ struct{ D@; E@ }", "json"),
)  # fmt: skip
MAP = 'type T@ struct{ M map[string]int32 `protobuf:"bytes,4,rep,name=m" protobuf_key:"bytes,1,opt,name=key" protobuf_val:"varint,2,opt,name=value"` }'  # fmt: skip
ONEOF = (
    'type is@ interface{ is@() }\ntype T@ struct{ P is@ `protobuf_oneof:"p"` }\n'
    'type A@ struct{ A string `protobuf:"bytes,2,opt,name=a,oneof"` }\nfunc (*A@) is@() {}\n'
    'type B@ struct{ B int32 `protobuf:"varint,3,opt,name=b,oneof"` }\nfunc (*B@) is@() {}\n'
    "var V@ = []is@{&A@{}, &B@{}}\nfunc init() { fmt.Print(V@) }\n"
)
TAGGED = (
    Case("MapValue", MAP, MAP.replace("varint,2", "zigzag32,2"), "protobuf"),
    Case("MapKey", MAP, MAP.replace("bytes,1", "group,1"), "protobuf"),
    Case("MapSame", MAP, MAP.replace("name=m", "name=n"), ""),
    Case("OneofNumber", ONEOF, ONEOF.replace("varint,3", "varint,4"), "protobuf"),
    Case("OneofType", ONEOF, ONEOF.replace("B int32", "B string").replace("varint,3", "bytes,3"), "protobuf"),
    Case("OneofGone", ONEOF, ONEOF.replace("func (*B@) is@() {}", "").replace(", &B@{}", "").replace("Print(V@)", "Print(V@, B@{})"), "protobuf"),
    Case("OneofCame", ONEOF.replace("func (*B@) is@() {}", "").replace(", &B@{}", "").replace("Print(V@)", "Print(V@, B@{})"), ONEOF, ""),
    Case("OneofSame", ONEOF, ONEOF.replace("name=b", "name=c"), ""),
)  # fmt: skip
CASES = (*REACHED, *ENCODED, *NAMED, *TAGGED)
