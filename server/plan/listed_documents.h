#ifndef MIRROR_SERVER_PLAN_LISTED_DOCUMENTS_H_
#define MIRROR_SERVER_PLAN_LISTED_DOCUMENTS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

// Kinds of documents that lists of storages and import jobs are made of.

inline constexpr char kStorageKind[] = "storage";  ///< One, without an id: the name.
inline constexpr char kMemberKind[] = "member";    ///< Of a tenant of another storage: which one.
inline constexpr char kJobKind[] = "job";          ///< By id.
inline bool IsListed(std::string_view kind) {
  return kind == kStorageKind || kind == kMemberKind || kind == kJobKind;
}

/// What such a list says of a mirror without its documents: a part of its summary.
struct ListedDocuments {
  std::string storage;     ///< The text of that document; empty: there is none.
  std::string member;      ///< The same.
  std::uint64_t jobs = 0;  ///< How many there are.
  friend bool operator==(const ListedDocuments&, const ListedDocuments&) = default;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_LISTED_DOCUMENTS_H_
