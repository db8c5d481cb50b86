from modules import shared


def greeting(name):
    return {"hello": name, "sampler_count": len(shared.list_samplers()), "port": shared.cmd_opts.port}
