#include "server/rpc/listener/reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

/// At a time, of one port.
constexpr std::size_t kStreamsMax = 8;
constexpr char kPath[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kOwnName[] = "grpc.reflection.v1alpha.ServerReflection", kHealth[] = "grpc.health.v1.Health";

/// Fields of ServerReflectionRequest, and the answers to them in ServerReflectionResponse.
enum Asked : int { kNothing = 0, kFileByName = 3, kFileWithSymbol = 4, kListServices = 7 };
enum Field : int { kOriginalRequest = 2, kFiles = 4, kServices = 6, kError = 7 };

std::string Varint(std::uint64_t number) {
  std::string bytes;
  for (; number >= 128; number >>= 7U) bytes += static_cast<char>((number & 127U) | 128U);
  return bytes += static_cast<char>(number);
}

std::string TextField(int number, const std::string& content) {
  return absl::StrCat(Varint(static_cast<std::uint64_t>(number) << 3U | 2U), Varint(content.size()), content);
}

std::string Error(grpc::StatusCode code, const std::string& words) {
  return TextField(
      kError, absl::StrCat(Varint(1U << 3U), Varint(static_cast<std::uint64_t>(code)), TextField(2, words)));
}

/// The file and all that it imports, each once.
void AppendFiles(const FileDescriptor& file, std::set<const FileDescriptor*>& seen, std::string* content) {
  if (!seen.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  *content += TextField(1, proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AppendFiles(*file.dependency(i), seen, content);
}

std::string Files(const FileDescriptor* file) {
  if (file == nullptr) return Error(grpc::StatusCode::NOT_FOUND, "there is no such file or name here");
  std::set<const FileDescriptor*> seen;
  std::string content;
  AppendFiles(*file, seen, &content);
  return TextField(kFiles, content);
}

}  // namespace

std::string ReflectionAnswer(const std::string& service, const std::string& request) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(request.data()),
                                            static_cast<int>(request.size()));
  int asked = kNothing;
  std::string name;
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint32_t length = 0;
    std::string text;
    if ((tag & 7U) == 0) {  // An extension's number.
      std::uint64_t number = 0;
      if (!in.ReadVarint64(&number)) return {};
      continue;
    }
    if ((tag & 7U) != 2 || !in.ReadVarint32(&length) || length > request.size() ||
        !in.ReadString(&text, static_cast<int>(length))) {
      return {};
    }
    if (const int field = static_cast<int>(tag >> 3U); field > 1) {  // 1 is a host, which nobody needs.
      asked = field;
      name = std::move(text);
    }
  }
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  std::string answer = TextField(kOriginalRequest, request);
  switch (asked) {
    case kListServices: {
      std::string services;
      for (const std::string& listed : {service, std::string(kHealth), std::string(kOwnName)})
        services += TextField(1, TextField(1, listed));
      return answer += TextField(kServices, services);
    }
    case kFileByName:
      return answer += Files(pool.FindFileByName(name));
    case kFileWithSymbol:
      return answer += Files(pool.FindFileContainingSymbol(name));
    default:
      return answer += Error(grpc::StatusCode::UNIMPLEMENTED,
                             "ask for the services, a file by its name, or the file of a name");
  }
}

class ReflectionService::Stream final : public HeldStream {
 public:
  explicit Stream(ReflectionService& service) : HeldStream(service.streams_), service_(service) {}

 private:
  void Take(const std::string& request) override {
    const std::string answer = ReflectionAnswer(service_.service_, request);
    if (answer.empty())
      return End({grpc::StatusCode::INVALID_ARGUMENT, "the bytes are not a ServerReflectionRequest"});
    Answer(answer);
  }

  ReflectionService& service_;
};

ReflectionService::ReflectionService(std::string service)
    : service_(std::move(service)), streams_(kStreamsMax) {
  AddStream(kPath, [this] { return std::make_unique<Stream>(*this); });
}

ReflectionService::~ReflectionService() = default;

}  // namespace mirror
