#include "server/store/sqlite/file/value_form.h"

#include "proto/wire/text_form.h"

namespace mirror {

ValueForm ValueFormOf(const Column& column, const ColumnView& view) {
  switch (view.storage) {
    case Storage::kInts:
      return HasTextForm(column.type) ? ValueForm::kTextOfInteger : ValueForm::kInteger;
    case Storage::kDoubles:
      return ValueForm::kReal;
    case Storage::kBytes:
      if (column.type == Type::kUuid) return ValueForm::kTextOfBytes;
      return column.type == Type::kBytes ? ValueForm::kBlob : ValueForm::kText;
    case Storage::kAny:
      break;
  }
  return ValueForm::kAny;
}

}  // namespace mirror
