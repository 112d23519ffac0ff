// SPDX-License-Identifier: Apache-2.0
//
// peers - what typical libraries need for the messages of decode.c
//
//     peers FOLDER repeats       FOLDER as decode_bench has written it
//
// yyjson into its DOM, protobuf's dynamic messages by reflection, avro-c's generic values: each is
// given the schema at run time, as Sluice is.  Protobuf's generated code, which is made for one
// schema and compiled, stands beside them: event.pb.h is protoc's.  "read" takes the ten fields out of what the library
// made, as a program that wants columns must; "parse" leaves them there.  Objects are used again
// where the library allows it.  One thread, medians of its CPU time; the digest is decode.c's.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <avro.h>
#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/dynamic_message.h>
#include <yyjson.h>

#include "event.pb.h"

namespace pb = google::protobuf;

namespace {

struct Event {
    int64_t event_id, user_id, quantity, ts_ms;
    double price, latitude;
    bool is_mobile;
    const char *event_type, *session, *country;
    size_t event_type_len;
};

[[noreturn]] void die(const std::string &text)
{
    fprintf(stderr, "peers: %s\n", text.c_str());
    exit(1);
}

std::string slurp(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in)
        die(path + " cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Corpus {
    std::string bytes;
    std::vector<std::pair<const char *, size_t>> messages;
    size_t size = 0;

    explicit Corpus(const std::string &path) : bytes(slurp(path))
    {
        for (size_t at = 0; at < bytes.size();) {
            uint32_t len;
            memcpy(&len, bytes.data() + at, sizeof(len));
            messages.emplace_back(bytes.data() + at + sizeof(len), len);
            at += sizeof(len) + len;
            size += len;
        }
    }
};

class Peer {
public:
    virtual ~Peer() = default;
    virtual void parse(const char *ptr, size_t len) = 0; // dies when it is no message
    virtual void read(Event *e) = 0;                     // of the last parse
    virtual void drop() {}                               // what the last parse made
};

// --- JSON ------------------------------------------------------------------------------------

int digits(const char *at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

class Yyjson : public Peer {
    yyjson_doc *doc = nullptr;
    std::vector<char> pool;
    yyjson_alc allocator;

public:
    // A pool of its own: without one yyjson asks malloc for every message.
    Yyjson() : pool(1 << 16) { yyjson_alc_pool_init(&allocator, pool.data(), pool.size()); }

    void parse(const char *ptr, size_t len) override
    {
        doc = yyjson_read_opts(const_cast<char *>(ptr), len, YYJSON_READ_NOFLAG, &allocator,
                               nullptr);
        if (!doc)
            die("yyjson: not JSON");
    }

    void read(Event *e) override
    {
        yyjson_val *root = yyjson_doc_get_root(doc);
        auto get = [root](const char *name) { return yyjson_obj_get(root, name); };
        e->event_id = yyjson_get_sint(get("event_id"));
        e->user_id = yyjson_get_sint(get("user_id"));
        yyjson_val *type = get("event_type");
        e->event_type = yyjson_get_str(type);
        e->event_type_len = yyjson_get_len(type);
        e->session = yyjson_get_str(get("session"));
        e->price = yyjson_get_num(get("price"));
        e->quantity = yyjson_get_sint(get("quantity"));
        e->latitude = yyjson_get_num(get("latitude"));
        e->is_mobile = yyjson_get_bool(get("is_mobile"));
        e->country = yyjson_get_str(get("country"));
        // Of "2026-11-22T01:02:03.004Z" no more than the data need: less than a parser of times.
        const char *ts = yyjson_get_str(get("ts"));
        e->ts_ms = 1795305600000 + digits(ts + 11, 2) * 3600000 + digits(ts + 14, 2) * 60000 +
                   digits(ts + 17, 2) * 1000 + digits(ts + 20, 3);
    }

    void drop() override { yyjson_doc_free(doc); }
};

// --- Protobuf --------------------------------------------------------------------------------

class Dynamic : public Peer {
    pb::compiler::DiskSourceTree tree;
    std::unique_ptr<pb::compiler::Importer> importer;
    pb::DynamicMessageFactory factory;
    std::unique_ptr<pb::Message> message;
    const pb::Reflection *reflection, *ts_reflection;
    const pb::FieldDescriptor *field[10], *seconds, *nanos;
    std::string scratch[3];

public:
    explicit Dynamic(const std::string &folder)
    {
        tree.MapPath("", folder);
        tree.MapPath("", "/usr/include"); // google/protobuf/timestamp.proto
        importer = std::make_unique<pb::compiler::Importer>(&tree, nullptr);
        if (!importer->Import("event.proto"))
            die("event.proto does not compile");
        const pb::Descriptor *type = importer->pool()->FindMessageTypeByName("bench.Event");
        message.reset(factory.GetPrototype(type)->New());
        reflection = message->GetReflection();
        for (int i = 0; i < 10; i++)
            field[i] = type->FindFieldByNumber(i + 1);
        const pb::Descriptor *ts = field[9]->message_type();
        seconds = ts->FindFieldByNumber(1);
        nanos = ts->FindFieldByNumber(2);
        ts_reflection = factory.GetPrototype(ts)->GetReflection();
    }

    void parse(const char *ptr, size_t len) override
    {
        if (!message->ParseFromArray(ptr, static_cast<int>(len)))
            die("protobuf: not a message");
    }

    void read(Event *e) override
    {
        const pb::Message &m = *message;
        e->event_id = reflection->GetInt64(m, field[0]);
        e->user_id = reflection->GetInt64(m, field[1]);
        const std::string &type = reflection->GetStringReference(m, field[2], &scratch[0]);
        e->event_type = type.data();
        e->event_type_len = type.size();
        e->session = reflection->GetStringReference(m, field[3], &scratch[1]).data();
        e->price = reflection->GetDouble(m, field[4]);
        e->quantity = reflection->GetInt64(m, field[5]);
        e->latitude = reflection->GetDouble(m, field[6]);
        e->is_mobile = reflection->GetBool(m, field[7]);
        e->country = reflection->GetStringReference(m, field[8], &scratch[2]).data();
        const pb::Message &ts = reflection->GetMessage(m, field[9], &factory);
        e->ts_ms = ts_reflection->GetInt64(ts, seconds) * 1000 +
                   ts_reflection->GetInt32(ts, nanos) / 1000000;
    }
};

class Generated : public Peer {
    bench::Event message;

public:
    void parse(const char *ptr, size_t len) override
    {
        if (!message.ParseFromArray(ptr, static_cast<int>(len)))
            die("protobuf: not a message");
    }

    void read(Event *e) override
    {
        e->event_id = message.event_id();
        e->user_id = message.user_id();
        e->event_type = message.event_type().data();
        e->event_type_len = message.event_type().size();
        e->session = message.session().data();
        e->price = message.price();
        e->quantity = message.quantity();
        e->latitude = message.latitude();
        e->is_mobile = message.is_mobile();
        e->country = message.country().data();
        e->ts_ms = message.ts().seconds() * 1000 + message.ts().nanos() / 1000000;
    }
};

// --- Avro ------------------------------------------------------------------------------------

class AvroC : public Peer {
    avro_value_t value;
    avro_reader_t reader;

    avro_value_t field(size_t index)
    {
        avro_value_t found;
        avro_value_get_by_index(&value, index, &found, nullptr);
        return found;
    }

    int64_t integer(size_t index)
    {
        avro_value_t found = field(index);
        int64_t out = 0;
        avro_value_get_long(&found, &out);
        return out;
    }

    double real(size_t index)
    {
        avro_value_t found = field(index);
        double out = 0;
        avro_value_get_double(&found, &out);
        return out;
    }

    const char *text(size_t index, size_t *len)
    {
        avro_value_t found = field(index);
        const char *out = nullptr;
        avro_value_get_string(&found, &out, len);
        return out;
    }

public:
    explicit AvroC(const std::string &folder) : reader(avro_reader_memory("", 0))
    {
        std::string text = slurp(folder + "/event.avsc");
        avro_schema_t schema;
        if (avro_schema_from_json_length(text.data(), text.size(), &schema))
            die(avro_strerror());
        avro_generic_value_new(avro_generic_class_from_schema(schema), &value);
    }

    void parse(const char *ptr, size_t len) override
    {
        avro_reader_memory_set_source(reader, ptr, static_cast<int64_t>(len));
        avro_value_reset(&value);
        if (avro_value_read(reader, &value))
            die(avro_strerror());
    }

    void read(Event *e) override
    {
        size_t len;
        e->event_id = integer(0);
        e->user_id = integer(1);
        e->event_type = text(2, &e->event_type_len);
        e->event_type_len -= 1; // avro-c counts the NUL
        e->session = text(3, &len);
        e->price = real(4);
        e->quantity = integer(5);
        e->latitude = real(6);
        avro_value_t mobile = field(7);
        int is_mobile = 0;
        avro_value_get_boolean(&mobile, &is_mobile);
        e->is_mobile = is_mobile != 0;
        e->country = text(8, &len);
        e->ts_ms = integer(9);
    }
};

// --- measuring -------------------------------------------------------------------------------

uint64_t mix(uint64_t digest, uint64_t value)
{
    return (digest ^ value) * UINT64_C(1099511628211);
}

uint64_t mix(uint64_t d, const Event &e)
{
    d = mix(d, static_cast<uint64_t>(e.event_id));
    d = mix(d, static_cast<uint64_t>(e.user_id));
    d = mix(d, e.event_type_len);
    d = mix(d, static_cast<uint8_t>(e.session[23]));
    d = mix(d, static_cast<uint64_t>(llround(e.price * 100)));
    d = mix(d, static_cast<uint64_t>(e.quantity));
    d = mix(d, static_cast<uint64_t>(llround(e.latitude * 1e6)));
    d = mix(d, e.is_mobile);
    d = mix(d, static_cast<uint8_t>(e.country[0]));
    return mix(d, static_cast<uint64_t>(e.ts_ms));
}

double cpu_us()
{
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double pass(const Corpus &c, Peer *peer, bool reads, uint64_t *digest)
{
    Event e{};
    double began = cpu_us();
    for (auto [ptr, len] : c.messages) {
        peer->parse(ptr, len);
        if (reads) {
            peer->read(&e);
            asm volatile("" : : "r"(&e) : "memory");
        }
        if (digest)
            *digest = mix(*digest, e);
        peer->drop();
    }
    return cpu_us() - began;
}

void measure(const char *name, const Corpus &c, Peer *peer, bool reads, size_t repeats)
{
    uint64_t digest = 0;
    std::vector<double> times;
    pass(c, peer, true, &digest);
    for (size_t i = 0; i < repeats; i++)
        times.push_back(pass(c, peer, reads, nullptr));
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    double us = times[times.size() / 2];
    double rows = static_cast<double>(c.messages.size());
    printf("%-14s %8zu rows %6.0f B/row %7.1f ns/row %10.0f rows/s %7.1f MB/s      - memcpy "
           "digest %016lx\n",
           name, c.messages.size(), static_cast<double>(c.size) / rows, us * 1e3 / rows,
           rows / us * 1e6, static_cast<double>(c.size) / us, digest);
    fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: peers FOLDER repeats");
    std::string folder = argv[1];
    size_t repeats = std::max(1ul, strtoul(argv[2], nullptr, 10));
    {
        Corpus c(folder + "/json.messages");
        Yyjson peer;
        measure("yyjson-parse", c, &peer, false, repeats);
        measure("yyjson-read", c, &peer, true, repeats);
    }
    {
        Corpus c(folder + "/protobuf.messages");
        Dynamic peer(folder);
        measure("dynamic-parse", c, &peer, false, repeats);
        measure("dynamic-read", c, &peer, true, repeats);
        Generated generated;
        measure("generated-parse", c, &generated, false, repeats);
        measure("generated-read", c, &generated, true, repeats);
    }
    Corpus c(folder + "/avro.messages");
    AvroC peer(folder);
    measure("avroc-parse", c, &peer, false, repeats);
    measure("avroc-read", c, &peer, true, repeats);
    return 0;
}
