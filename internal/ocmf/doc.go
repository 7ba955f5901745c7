// Package ocmf reads signed meter data: records of the Open Charge Metering
// Format up to version 1.4 and the signed_data of OCPI CDRs that hold them. It
// verifies signatures over the bytes as they came, ECDSA on P-256 and P-384, and
// judges the content: whether the readings belong together and may be billed.
//
// A signature on a curve that is not known here is CannotVerify, never Invalid.
// Nothing here does input or output; everything is safe for concurrent use. No
// input makes it panic or use more memory than a small multiple of its length.
package ocmf
