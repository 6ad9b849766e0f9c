#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_DIGEST_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_DIGEST_H_

#include "proto/wire/batch.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "proto/wire/text_form.h"

namespace mirror {

/// Adds a value to a digest in the form in which the mirror digests it: as text if the type has a text form.
/// `column`: as announced.
inline void AddValueToDigest(const Column& column, const Value& value, RowDigest* digest) {
  char text[kTextFormBytesMax];
  const bool has_text_form = HasTextForm(column.type) && value.kind != Kind::kNull;
  if (has_text_form) return digest->AddText({text, WriteTextForm(column, value.integer, value.bytes, text)});
  switch (value.kind) {
    case Kind::kNull:
      return digest->AddNull();
    case Kind::kInteger:
      return digest->AddInteger(value.integer);
    case Kind::kReal:
      return digest->AddReal(value.real);
    case Kind::kBlob:
      return digest->AddBytes(value.bytes);
    default:
      return digest->AddText(value.bytes);
  }
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_DIGEST_H_
