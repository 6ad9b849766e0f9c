#include "proto/wire/source_objects_codec.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Checks the limits before anything is copied.
bool IsBounded(const v1::SourceObjects& message) {
  constexpr auto kMost = static_cast<int>(kSourceObjectsMax);
  constexpr auto kColumns = static_cast<int>(kObjectColumnsMax);
  bool bounded = message.indexes_size() <= kMost && message.foreign_keys_size() <= kMost &&
                 message.untold_size() <= kMost;
  for (const v1::SourceIndex& index : message.indexes()) {
    bounded = bounded && index.columns_size() <= kColumns;
  }
  for (const v1::SourceForeignKey& key : message.foreign_keys()) {
    bounded = bounded && key.columns_size() <= kColumns && key.table_columns_size() <= kColumns;
  }
  return bounded;
}

/// Converts by number; numbers from a later version become kUnspecified.
ForeignKeyAction ActionOf(v1::ForeignKeyAction action) {
  return v1::ForeignKeyAction_IsValid(action) ? static_cast<ForeignKeyAction>(action)
                                              : ForeignKeyAction::kUnspecified;
}

void AddIndex(const v1::SourceIndex& message, SourceObjects* objects) {
  SourceIndex index;
  index.name = message.name();
  index.unique = message.unique();
  for (const v1::IndexColumn& column : message.columns()) {
    if (!v1::Collation_IsValid(column.collation())) {
      objects->untold.push_back({index.name, UntoldReason::kCollation});
      return;
    }
    const auto collation = static_cast<Collation>(column.collation());
    index.columns.push_back({column.name(), column.descending(),
                             collation == Collation::kUnspecified ? Collation::kBinary : collation});
  }
  objects->indexes.push_back(std::move(index));
}

SourceObjects ObjectsOf(const v1::SourceObjects& message) {
  SourceObjects objects;
  for (const v1::UntoldIndex& index : message.untold()) {
    const bool known = v1::UntoldReason_IsValid(index.reason());
    objects.untold.push_back(
        {index.name(), known ? static_cast<UntoldReason>(index.reason()) : UntoldReason::kUnspecified});
  }
  for (const v1::SourceIndex& index : message.indexes()) AddIndex(index, &objects);
  for (const v1::SourceForeignKey& key : message.foreign_keys()) {
    objects.foreign_keys.push_back({{key.columns().begin(), key.columns().end()},
                                    key.table(),
                                    {key.table_columns().begin(), key.table_columns().end()},
                                    ActionOf(key.on_delete()),
                                    ActionOf(key.on_update())});
  }
  objects.more = message.more();
  return objects;
}

}  // namespace

absl::StatusOr<SourceObjects> DecodeObjects(const v1::SourceObjects& message, const TableSchema& table) {
  if (!IsBounded(message)) {
    return absl::InvalidArgumentError(absl::StrCat("table '", table.name, "': more than ", kSourceObjectsMax,
                                                   " indexes or foreign keys are announced, or more than ",
                                                   kObjectColumnsMax, " columns of one"));
  }
  SourceObjects objects = ObjectsOf(message);
  RETURN_IF_ERROR(CheckObjects(objects, table));
  return objects;
}

void EncodeObjects(const SourceObjects& objects, v1::SourceObjects* message) {
  message->Clear();
  for (const SourceIndex& index : objects.indexes) {
    v1::SourceIndex* const out = message->add_indexes();
    out->set_name(index.name);
    out->set_unique(index.unique);
    for (const IndexColumn& column : index.columns) {
      v1::IndexColumn* const part = out->add_columns();
      part->set_name(column.name);
      part->set_descending(column.descending);
      part->set_collation(static_cast<v1::Collation>(column.collation));
    }
  }
  for (const SourceForeignKey& key : objects.foreign_keys) {
    v1::SourceForeignKey* const out = message->add_foreign_keys();
    for (const std::string& column : key.columns) out->add_columns(column);
    out->set_table(key.table);
    for (const std::string& column : key.table_columns) out->add_table_columns(column);
    out->set_on_delete(static_cast<v1::ForeignKeyAction>(key.on_delete));
    out->set_on_update(static_cast<v1::ForeignKeyAction>(key.on_update));
  }
  for (const UntoldIndex& index : objects.untold) {
    v1::UntoldIndex* const out = message->add_untold();
    out->set_name(index.name);
    out->set_reason(static_cast<v1::UntoldReason>(index.reason));
  }
  message->set_more(objects.more);
}

std::string PackObjects(const SourceObjects& objects) {
  v1::SourceObjects message;
  EncodeObjects(objects, &message);
  return message.SerializeAsString();
}

std::optional<SourceObjects> UnpackObjects(std::string_view packed) {
  v1::SourceObjects message;
  const bool whole = packed.size() <= INT32_MAX &&
                     message.ParseFromArray(packed.data(), static_cast<int>(packed.size())) &&
                     IsBounded(message);
  if (!whole) return std::nullopt;
  return ObjectsOf(message);
}

}  // namespace mirror
